"""CIFAR-10-C from TensorFlow Datasets: one configuration per cell."""

import os

import numpy as np

from kconsist._requirements import check_installed
from kconsist.data import digest
from kconsist.data._autotuning import without_autotuning
from kconsist.robustness.corruptions._selection import check_cell
from kconsist.robustness.sources._validation import (
    validate_images,
    validate_labels,
    validate_num_classes,
)
from kconsist.robustness.sources.source import Source

# All other names are the same as in the released files.
TFDS_NAMES = {
    "glass_blur": "frosted_glass_blur",
    "elastic_transform": "elastic",
}


class TFDS(Source):
    """The released CIFAR-10-C from TensorFlow Datasets, `cifar10_corrupted`.

    Each configuration is one cell, such as `fog_3`, and is loaded completely
    when it is evaluated. All configurations are in the same order, which is
    neither that of the released files nor that of `cifar10`. Clean accuracy can
    therefore be reported, but disagreement with the predictions on clean
    images, which requires pairs, cannot.

    Args:
        name: data set with one configuration per cell. Defaults to
            `"cifar10_corrupted"`.
        data_dir: folder of prepared data sets. Defaults to the default of
            TensorFlow Datasets.
        download: whether to download and prepare missing data (2.9 GB).
            Defaults to `False`.
        clean: data set whose test split is the clean set, or `None` for no
            clean set. Defaults to `"cifar10"`.

    Raises:
        ImportError: `tensorflow_datasets` is not installed.
        FileNotFoundError: the clean set is not prepared. When a cell is read:
            the cell is not prepared.
    """

    data = "TFDS"

    def __init__(
        self,
        name: str = "cifar10_corrupted",
        data_dir: str | os.PathLike | None = None,
        download: bool = False,
        clean: str | None = "cifar10",
    ):
        check_installed("tensorflow_datasets", "TFDS()")
        self.name = name
        self.data_dir = data_dir
        self.download = download
        builder = self._first_prepared()
        self.version = str(builder.info.version)
        label = builder.info.features["label"]
        _, self.labels = _arrays(builder)
        self.image_shape = tuple(builder.info.features["image"].shape)
        self.num_classes = validate_num_classes(self.labels, label.num_classes)
        self._cell: tuple | None = None
        if clean is not None:
            builder = self._prepared(clean)
            self.set_clean(_arrays(builder))
            # Equal labels would not imply the same order of images.
            self.aligned = False

    @property
    def fingerprint(self) -> str:
        """Hash of the name, the version and the labels."""
        return digest("tfds", self.name, self.version, self.labels)

    def cell_fingerprint(self, corruption: str, severity: int) -> str:
        """Returns a hash of the files of a cell."""
        builder = self._prepared(self._config(corruption, severity))
        files = builder.info.splits["test"].filepaths
        return digest(*(np.frombuffer(f.read_bytes(), "uint8") for f in files))

    def check(self, cells) -> None:
        """Raises `FileNotFoundError` unless all `cells` are prepared."""
        for corruption, severity in cells:
            self._prepared(self._config(corruption, severity))

    def cell(self, corruption: str, severity: int) -> np.ndarray:
        """Returns the images of a cell; keeps the last cell in memory."""
        if self._cell is None or self._cell[0] != (corruption, severity):
            builder = self._prepared(self._config(corruption, severity))
            images, labels = _arrays(builder)
            if not np.array_equal(labels, self.labels):
                raise ValueError(
                    f"{builder.info.full_name} must have its labels in the "
                    "same order as the other configurations, got another order"
                )
            self._cell = (corruption, severity), images
        return self._cell[1]

    def _config(self, corruption, severity):
        check_cell(corruption, severity)
        return (
            f"{self.name}/{TFDS_NAMES.get(corruption, corruption)}_{severity}"
        )

    def _prepared(self, name):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=self.data_dir)
        if self.download:
            builder.download_and_prepare()
        if not builder.is_prepared():
            raise FileNotFoundError(
                f"{name!r} is not prepared in {builder.data_dir}: pass the "
                "data_dir that contains it, or download=True"
            )
        return builder

    def _first_prepared(self):
        """Returns the first prepared configuration, for the labels."""
        import tensorflow_datasets as tfds

        configs = tfds.builder_cls(self.name).builder_configs
        for config in configs:
            builder = tfds.builder(
                f"{self.name}/{config}", data_dir=self.data_dir
            )
            if builder.is_prepared():
                return builder
        return self._prepared(f"{self.name}/{next(iter(configs))}")


def _arrays(builder):
    dataset = builder.as_dataset(split="test", as_supervised=True)
    dataset = without_autotuning(dataset.batch(2000))
    batches = list(dataset.as_numpy_iterator())
    images, labels = (
        np.concatenate(parts) for parts in zip(*batches, strict=True)
    )
    return validate_images(builder.info.full_name, images), validate_labels(
        labels
    )
