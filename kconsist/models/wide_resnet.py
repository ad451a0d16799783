"""Wide residual networks as used in papers on semi-supervised learning.

Zagoruyko and Komodakis 2016, "Wide Residual Networks", with the details of
FixMatch's code: leaky ReLU, a normal initializer, and an activation before the
shortcut of the first block.
"""

import math

import keras
from keras import layers, regularizers


def WideResNet(  # noqa: N802 (a model's name)
    depth: int = 28,
    width: int = 2,
    num_classes: int = 10,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    *,
    weight_decay: float = 0.0,
    batch_norm_momentum: float = 0.99,
    include_preprocessing: bool = True,
) -> keras.Model:
    """Returns a wide residual network, WRN-`depth`-`width`.

    Args:
        depth: number of layers, 6n + 4 with n blocks in each of three stages.
            Defaults to `28`.
        width: multiplier of the 16, 32 and 64 filters of the stages. Defaults
            to `2`.
        num_classes: number of classes. Defaults to `10`.
        input_shape: (height, width, channels) of an image. Defaults to
            `(32, 32, 3)`.
        weight_decay: adds weight_decay / 2 · ‖w‖² of each kernel to the loss,
            as FixMatch does with 5e-4 (Keras's L2 regularizer has no factor ½).
            Defaults to `0.0`.
        batch_norm_momentum: momentum of the moving statistics. With the papers'
            0.999 it takes some 5,000 steps to forget the initial values.
            Defaults to `0.99`.
        include_preprocessing: whether the model rescales pixels from 0 … 255
            to -1 … 1. Defaults to `True`.

    Returns:
        A built model from images (batch, height, width, channels) to float32
        logits (batch, classes).

    Raises:
        ValueError: if `depth` is not 6n + 4.

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

    def norm_and_activation(x):
        x = layers.BatchNormalization(
            momentum=batch_norm_momentum, epsilon=1e-3
        )(x)
        return layers.LeakyReLU(negative_slope=0.1)(x)

    def conv(x, filters, size, strides=1):
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

    def residual_block(x, filters, strides, activate_before_residual=False):
        y = norm_and_activation(x)
        if activate_before_residual:
            x = y
        y = conv(y, filters, 3, strides)
        y = conv(norm_and_activation(y), filters, 3)
        if x.shape[-1] != filters or strides > 1:
            x = conv(x, filters, 1, strides)
        return layers.Add()([x, y])

    images = x = keras.Input(input_shape)
    if include_preprocessing:
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = conv(x, 16, 3)
    for stage, strides in enumerate((1, 2, 2)):
        filters = 16 * width * 2**stage
        x = residual_block(
            x, filters, strides, activate_before_residual=stage == 0
        )
        for _ in range(blocks - 1):
            x = residual_block(x, filters, 1)
    x = layers.GlobalAveragePooling2D()(norm_and_activation(x))
    logits = layers.Dense(
        num_classes,
        kernel_initializer="glorot_normal",
        kernel_regularizer=decay,
        dtype="float32",
        name="logits",
    )(x)
    return keras.Model(images, logits, name=f"wide_resnet_{depth}_{width}")
