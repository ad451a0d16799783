"""Wide residual networks in the form that semi-supervised papers use.

Zagoruyko and Komodakis 2016, "Wide Residual Networks", with the details of
FixMatch's code: leaky ReLU, a normal initializer, activation before the first
split.
"""

import math

import keras
from keras import layers, regularizers


def WideResNet(  # noqa: N802 (a model's name)
    depth: int = 28,
    width: int = 2,
    num_classes: int = 10,
    input_shape: tuple = (32, 32, 3),
    *,
    weight_decay: float = 0.0,
    batch_norm_momentum: float = 0.99,
    include_preprocessing: bool = True,
) -> keras.Model:
    """Returns a wide residual network, WRN-`depth`-`width`.

    Args:
        depth: number of layers, 6n + 4 for n blocks in each of three stages.
            Defaults to `28`.
        width: factor on the 16, 32 and 64 filters of the stages. Defaults to
            `2`.
        num_classes: width of the output. Defaults to `10`.
        input_shape: (height, width, channels) of an image. Defaults to
            `(32, 32, 3)`.
        weight_decay: adds weight_decay / 2 · ‖w‖² of every kernel to the loss,
            as FixMatch does with 5e-4 (Keras's own L2 has no ½). Defaults to
            `0.0`.
        batch_norm_momentum: share of the moving statistics kept at each step.
            The papers' 0.999 needs some 5,000 steps to forget its start.
            Defaults to `0.99`.
        include_preprocessing: map pixels in 0 … 255 to -1 … 1 inside the
            model. Defaults to `True`.

    Returns:
        A built model from images (batch, height, width, channels) to float32
        logits (batch, classes).

    Raises:
        ValueError: the depth is not 6n + 4.

    Example:
        ```python
        from kconsist.models import WideResNet

        model = WideResNet(10, 1, num_classes=10)
        ```

    Reference: https://arxiv.org/abs/1605.07146; https://arxiv.org/abs/2001.07685
    """
    blocks, rest = divmod(depth - 4, 6)
    if rest or blocks < 1:
        raise ValueError(
            f"depth must be 6n + 4 (10, 16, 22, 28, …), got {depth}"
        )
    decay = regularizers.L2(weight_decay / 2) if weight_decay else None

    def activated(x):
        x = layers.BatchNormalization(
            momentum=batch_norm_momentum, epsilon=1e-3
        )(x)
        return layers.LeakyReLU(negative_slope=0.1)(x)

    def convolved(x, filters, size, strides=1):
        stddev = math.sqrt(2.0 / (size * size * filters))
        return layers.Conv2D(
            filters,
            size,
            strides,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=stddev),
            kernel_regularizer=decay,
        )(x)

    def residual(x, filters, strides, activate_before_split=False):
        y = activated(x)
        if activate_before_split:
            x = y
        y = convolved(y, filters, 3, strides)
        y = convolved(activated(y), filters, 3)
        if x.shape[-1] != filters or strides > 1:
            x = convolved(x, filters, 1, strides)
        return layers.Add()([x, y])

    images = x = keras.Input(input_shape)
    if include_preprocessing:
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = convolved(x, 16, 3)
    for stage, strides in enumerate((1, 2, 2)):
        filters = 16 * width * 2**stage
        x = residual(x, filters, strides, activate_before_split=stage == 0)
        for _ in range(blocks - 1):
            x = residual(x, filters, 1)
    x = layers.GlobalAveragePooling2D()(activated(x))
    logits = layers.Dense(
        num_classes,
        kernel_initializer="glorot_normal",
        kernel_regularizer=decay,
        dtype="float32",
        name="logits",
    )(x)
    return keras.Model(images, logits, name=f"wide_resnet_{depth}_{width}")
