"""The released layout of CIFAR-10-C: one .npy file per corruption.

Each file holds five blocks of all test images, severity 1 first, without the
clean images. `labels.npy` holds the test labels five times in a row.

Reference: Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"
(https://zenodo.org/records/2535967).
"""

import os
import pathlib

import numpy as np

from kconsist.data import digest
from kconsist.robustness.corruptions import CORRUPTIONS, SEVERITIES
from kconsist.robustness.corruptions._selection import check_cell
from kconsist.robustness.sources._manifest import (
    MANIFEST,
    block_digests,
    digest_file,
    read_manifest,
)
from kconsist.robustness.sources._validation import (
    validate_images,
    validate_labels,
    validate_num_classes,
)
from kconsist.robustness.sources.source import Source


class NpyFolder(Source):
    """A folder in the layout of the released CIFAR-10-C.

    Files are memory-mapped and read during the evaluation. The folder requires
    `labels.npy` and the files of the corruptions that are evaluated. Pickled
    data is never loaded.

    Args:
        path: folder with `gaussian_noise.npy`, …, uint8 (5 · examples, height,
            width, channels), and `labels.npy` (5 · examples,).
        clean: `(images, labels)` of the clean test set, for the gap to clean
            accuracy. If the labels are in the same order as the folder's
            (Keras's `cifar10.load_data()`, not TensorFlow Datasets), also for
            the disagreement with the predictions on clean images. Defaults to
            `None`.
        num_classes: number of classes. Defaults to the largest label plus one.

    Raises:
        FileNotFoundError: the folder or its `labels.npy` does not exist.
        ValueError: labels that are not five equal blocks, clean images of
            another test set, or a damaged manifest. When a file is read: a
            shape that differs from the other files', or images that differ from
            the manifest.

    Example:
        ```python
        import tempfile
        import numpy as np
        from kconsist.robustness import NpyFolder

        folder = tempfile.mkdtemp()
        np.save(f"{folder}/labels.npy", np.tile([0, 1, 2], 5))
        np.save(f"{folder}/fog.npy", np.zeros((15, 32, 32, 3), "uint8"))
        source = NpyFolder(folder)
        assert source.cell("fog", 5).shape == (3, 32, 32, 3)
        ```
    """

    data = "folder"

    def __init__(
        self,
        path: str | os.PathLike,
        clean: tuple | None = None,
        num_classes: int | None = None,
    ):
        self.path = pathlib.Path(path)
        if not self.path.is_dir():
            raise FileNotFoundError(f"folder {self.path} does not exist")
        self.labels = self._read_labels()
        self.num_classes = validate_num_classes(self.labels, num_classes)
        self.manifest = read_manifest(self.path)
        self._known_digests = {}
        self.image_shape = self._find_shape()
        self.set_clean(clean)
        if self.manifest:
            self._apply_manifest()

    def cell(self, corruption: str, severity: int) -> np.ndarray:
        """Returns the memory-mapped images of a cell."""
        check_cell(corruption, severity)
        images = self._open(corruption)
        count = len(self.labels)
        return images[(severity - 1) * count : severity * count]

    def check(self, cells) -> None:
        """Raises unless the files of `cells` are complete and consistent."""
        for corruption in dict.fromkeys(name for name, _ in cells):
            self._open(corruption)

    @property
    def fingerprint(self) -> str:
        """Hash of the labels and of all images of the folder.

        A folder that `Generated` wrote has the fingerprint of its generator:
        the digests of the files show that the images are the same.
        """
        names = [path.stem for path in _image_files(self.path)]
        digests = [self._digests(name) for name in names]
        written = [digest_file(self.path, name).exists() for name in names]
        if self.manifest and all(written):
            return self.manifest["fingerprint"]
        return digest("npy", self.labels, repr(names), repr(digests))

    def cell_fingerprint(self, corruption: str, severity: int) -> str:
        """Returns a hash of all images of a cell."""
        check_cell(corruption, severity)
        return self._digests(corruption)[severity - 1]

    def _digests(self, corruption):
        """Returns a hash of each block of a file; hashes a file only once."""
        path = self.path / f"{corruption}.npy"
        state = path.stat()
        key = path, state.st_ino, state.st_size, state.st_mtime_ns
        if key not in self._known_digests:
            self._known_digests[key] = block_digests(self._open(corruption))
        digests = self._known_digests[key]
        stored = digest_file(self.path, corruption)
        if self.manifest and stored.exists():
            if stored.read_text().split() != digests:
                raise ValueError(
                    f"{path} must match {stored.name} and {MANIFEST}, but was "
                    "changed after it was written: delete it and write it "
                    f"again, or delete {MANIFEST}"
                )
        return digests

    def _open(self, corruption):
        path = self.path / f"{corruption}.npy"
        images = validate_images(str(path), load_npy(path))
        if len(images) != len(SEVERITIES) * len(self.labels):
            raise ValueError(
                f"{path} must have {len(SEVERITIES)} blocks of "
                f"{len(self.labels)} images to match labels.npy, got "
                f"{len(images)} images"
            )
        if images.shape[1:] != self.image_shape:
            first = _image_files(self.path)[0].name
            raise ValueError(
                f"{path} must have images of the same shape as {first}, "
                f"{self.image_shape}, got {images.shape[1:]}"
            )
        return images

    def _read_labels(self):
        path = self.path / "labels.npy"
        try:
            labels = validate_labels(load_npy(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        count, rest = divmod(len(labels), len(SEVERITIES))
        blocks = labels[: count * len(SEVERITIES)].reshape(-1, max(count, 1))
        if rest or not count or not (blocks == blocks[0]).all():
            raise ValueError(
                f"{path} must have the labels of the test set five times in a "
                f"row, got {len(labels)} labels that are not five equal blocks"
            )
        return np.array(blocks[0])

    def _find_shape(self):
        files = _image_files(self.path)
        if not files:
            raise FileNotFoundError(
                f"{self.path} must have a .npy file of a corruption, got none"
            )
        return validate_images(str(files[0]), load_npy(files[0])).shape[1:]

    def _apply_manifest(self):
        self.data = "regenerated"
        self.regenerated = True
        self.procedural_frost = self.manifest["procedural_frost"]
        self.notes = (*self.manifest["notes"], *self.notes)
        if self.clean is None:
            return
        fingerprint = self.clean_fingerprint
        if fingerprint != self.manifest["clean"]:
            raise ValueError(
                f"clean images must be those that {self.path} was made from "
                f"({self.manifest['clean']}), got others ({fingerprint})"
            )


def _image_files(folder):
    """Returns the existing files of the benchmark's corruptions."""
    files = (folder / f"{name}.npy" for name in sorted(CORRUPTIONS))
    return [path for path in files if path.exists()]


def load_npy(path: pathlib.Path) -> np.ndarray:
    """Returns the memory-mapped array of a file; rejects pickled data."""
    if not path.exists():
        raise FileNotFoundError(f"file {path} does not exist")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} must be a complete .npy file of numbers, got one that is "
            f"truncated, pickled or in another format: {error}"
        ) from error
