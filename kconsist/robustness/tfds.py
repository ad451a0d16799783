"""CIFAR-10-C as TensorFlow Datasets holds it: one data set a cell."""

import numpy as np

from kconsist._requirements import check_installed
from kconsist.robustness.sources import (
    Source,
    class_count,
    digest,
    image_block,
    known_cell,
    label_column,
)

# All other names are the files'.
NAMES = {"glass_blur": "frosted_glass_blur", "elastic_transform": "elastic"}


class TFDS(Source):
    """The released CIFAR-10-C from TensorFlow Datasets, `cifar10_corrupted`.

    One configuration is one cell, `fog_3`; it is read whole when its turn
    comes. All configurations are in one order, which is neither the released
    files' nor that of `cifar10`: clean accuracy is known, but disagreement
    with the clean answers, which needs pairs, is not.

    Args:
        name: data set with a configuration a cell. Defaults to
            `"cifar10_corrupted"`.
        data_dir: folder of prepared data sets. Defaults to TensorFlow
            Datasets' own rule.
        download: whether to download and prepare what is missing: 2.9 GB.
            Defaults to `False`.
        clean: data set whose test split is the clean set, or `None` to go
            without. Defaults to `"cifar10"`.

    Raises:
        ImportError: `tensorflow_datasets` is not installed.
        FileNotFoundError: the clean set is not prepared, or, when they are
            asked for, the cells.
    """

    data = "TFDS"

    def __init__(
        self,
        name: str = "cifar10_corrupted",
        data_dir=None,
        download: bool = False,
        clean: str | None = "cifar10",
    ):
        check_installed("tensorflow_datasets", "TFDS()")
        self.name = name
        self.data_dir = data_dir
        self.download = download
        builder = self._any_prepared()
        self.version = str(builder.info.version)
        label = builder.info.features["label"]
        _, self.labels = _arrays(builder)
        self.image_shape = tuple(builder.info.features["image"].shape)
        self.num_classes = class_count(self.labels, label.num_classes)
        self._cell = None
        if clean is not None:
            builder = self._prepared(clean)
            self.set_clean(_arrays(builder))
            # Equal labels would not make it the same order of images.
            self.aligned = False

    @property
    def fingerprint(self) -> str:
        """Hash of name, version and labels."""
        return digest("tfds", self.name, self.version, self.labels)

    def cell_fingerprint(self, corruption, severity):
        """Returns a hash of the files that hold a cell."""
        builder = self._prepared(self._config(corruption, severity))
        files = builder.info.splits["test"].filepaths
        return digest(*(np.frombuffer(f.read_bytes(), "uint8") for f in files))

    def check(self, cells) -> None:
        """Raises `FileNotFoundError` unless all `cells` are prepared."""
        for corruption, severity in cells:
            self._prepared(self._config(corruption, severity))

    def cell(self, corruption, severity):
        """Returns the images of a cell; the last one asked for is kept."""
        if self._cell is None or self._cell[0] != (corruption, severity):
            builder = self._prepared(self._config(corruption, severity))
            images, labels = _arrays(builder)
            if not np.array_equal(labels, self.labels):
                raise ValueError(
                    f"{builder.info.full_name} must have its labels in the "
                    "order of the other configurations, got another order"
                )
            self._cell = (corruption, severity), images
        return self._cell[1]

    def _config(self, corruption, severity):
        known_cell(corruption, severity)
        return f"{self.name}/{NAMES.get(corruption, corruption)}_{severity}"

    def _prepared(self, name):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=self.data_dir)
        if self.download:
            builder.download_and_prepare()
        if not builder.is_prepared():
            raise FileNotFoundError(
                f"{name!r} is not prepared in {builder.data_dir}, and "
                "download=False: give the data_dir that has it, or "
                "download=True"
            )
        return builder

    def _any_prepared(self):
        """Returns the first configuration that is there, for the labels."""
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
    batches = list(dataset.batch(2000).as_numpy_iterator())
    images, labels = (
        np.concatenate(parts) for parts in zip(*batches, strict=True)
    )
    return image_block(builder.info.full_name, images), label_column(labels)
