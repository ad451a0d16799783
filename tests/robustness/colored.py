"""Images of three colors, a network that classifies them, and a folder."""

import keras
import numpy as np

from kconsist.robustness import CORRUPTIONS

SIDE = 8

# Cells of the fixture `source`, in another order than the benchmark's.
OPTIONS = dict(
    corruptions=["saturate", "fog"], severities=[5, 1], batch_size=8, verbose=0
)


def examples(count, classes=3, side=SIDE, seed=0):
    """Images whose brightest channel is, on average, their class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.integers(0, 200, (count, side, side, 3))
    images[np.arange(count), :, :, labels] += 25
    return np.clip(images, 0, 255).astype("uint8"), labels.astype("int64")


def network(side=SIDE, scale=0.05, activation=None, name="color"):
    """The logits are the channel means times a scale; all pixels matter."""
    images = keras.Input((side, side, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    dense = keras.layers.Dense(3, use_bias=False, activation=activation)
    model = keras.Model(images, dense(x), name=name)
    dense.set_weights([scale * np.eye(3, dtype="float32")])
    return model


def logits(images, scale=0.05):
    return scale * images.astype("float64").mean(axis=(1, 2))


def write_npy_folder(folder, count=12, names=None, side=SIDE):
    folder.mkdir()
    images, labels = examples(count, side=side)
    np.save(folder / "labels.npy", np.tile(labels, 5).astype("uint8"))
    for number, name in enumerate(names or CORRUPTIONS):
        blocks = [add_noise(images, s, number) for s in range(1, 6)]
        np.save(folder / f"{name}.npy", np.concatenate(blocks))
    return folder


def add_noise(images, severity, seed):
    """Images with noise that increases with the severity."""
    noise = np.random.default_rng([severity, seed])
    noise = noise.integers(0, 256, images.shape)
    return ((images * (6 - severity) + noise * severity) / 6).astype("uint8")
