"""The layout of the released CIFAR-10-C: one .npy file a corruption.

Each file holds five blocks of all test images, severity 1 first; the clean
images are not among them. `labels.npy` holds the test labels five times over.

Reference: Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"
(https://zenodo.org/records/2535967).
"""

import pathlib

import numpy as np

from kconsist.robustness.corruptions import CORRUPTIONS, SEVERITIES
from kconsist.robustness.manifest import (
    MANIFEST,
    block_digests,
    digest_file,
    read_manifest,
)
from kconsist.robustness.sources import (
    Source,
    class_count,
    digest,
    image_block,
    known_cell,
    label_column,
)


class NpyFolder(Source):
    """A folder in the layout of the released CIFAR-10-C.

    Files stay on disk, memory-mapped, and are read as they are evaluated. The
    folder needs the files of the corruptions that are asked for, and
    `labels.npy`. Nothing pickled is ever loaded.

    Args:
        path: folder with `gaussian_noise.npy`, …, uint8 (5 · examples, height,
            width, channels), and `labels.npy` (5 · examples,).
        clean: `(images, labels)` of the clean test set, for the gap to clean
            accuracy; where the labels are in the same order (Keras's
            `cifar10.load_data()`, not TensorFlow Datasets), disagreement with
            the clean answers too. Defaults to `None`.
        num_classes: number of classes. Defaults to the largest label plus one.

    Raises:
        FileNotFoundError: no such folder, or no `labels.npy` in it.
        ValueError: labels that are not five equal blocks, clean images that
            are not those of the folder, or a damaged manifest; later, a file
            unlike the others, or unlike what the manifest says.

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

    def __init__(self, path, clean=None, num_classes=None):
        self.path = pathlib.Path(path)
        if not self.path.is_dir():
            raise FileNotFoundError(f"there is no folder {self.path}")
        self.labels = self._read_labels()
        self.num_classes = class_count(self.labels, num_classes)
        self.manifest = read_manifest(self.path)
        self._known_digests = {}
        self.image_shape = self._find_shape()
        self.set_clean(clean)
        if self.manifest:
            self._apply_manifest()

    def cell(self, corruption, severity):
        """Returns the memory-mapped images of a cell."""
        known_cell(corruption, severity)
        images = self._file(corruption)
        count = len(self.labels)
        return images[(severity - 1) * count : severity * count]

    def check(self, cells) -> None:
        """Raises unless the files of `cells` are there, whole and alike."""
        for corruption in dict.fromkeys(name for name, _ in cells):
            self._file(corruption)

    @property
    def fingerprint(self) -> str:
        """Hash of the labels and of all images of the folder.

        For a folder that `Generated` wrote it is that of the generator: these
        are the same images, as the digests beside the files show.
        """
        names = [path.stem for path in _image_files(self.path)]
        digests = [self._digests(name) for name in names]
        written = [digest_file(self.path, name).exists() for name in names]
        if self.manifest and all(written):
            return self.manifest["fingerprint"]
        return digest("npy", self.labels, repr(names), repr(digests))

    def cell_fingerprint(self, corruption, severity):
        """Returns a hash of all images of a cell."""
        known_cell(corruption, severity)
        return self._digests(corruption)[severity - 1]

    def _digests(self, corruption):
        """Returns a hash of each block of a file, which is read but once."""
        path = self.path / f"{corruption}.npy"
        state = path.stat()
        key = path, state.st_ino, state.st_size, state.st_mtime_ns
        if key not in self._known_digests:
            self._known_digests[key] = block_digests(self._file(corruption))
        found = self._known_digests[key]
        beside = digest_file(self.path, corruption)
        if self.manifest and beside.exists():
            if beside.read_text().split() != found:
                raise ValueError(
                    f"{path} must be as {beside.name} and {MANIFEST} say, and "
                    "was changed after it was written: delete it and write it "
                    f"again, or delete {MANIFEST}"
                )
        return found

    def _file(self, corruption):
        path = self.path / f"{corruption}.npy"
        images = image_block(str(path), load_npy(path))
        if len(images) != len(SEVERITIES) * len(self.labels):
            raise ValueError(
                f"{path} must have {len(SEVERITIES)} blocks of "
                f"{len(self.labels)} images as labels.npy says, got "
                f"{len(images)} images"
            )
        if images.shape[1:] != self.image_shape:
            first = _image_files(self.path)[0].name
            raise ValueError(
                f"{path} must have images of one shape with {first}, "
                f"{self.image_shape}, got {images.shape[1:]}"
            )
        return images

    def _read_labels(self):
        path = self.path / "labels.npy"
        try:
            labels = label_column(load_npy(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        count, rest = divmod(len(labels), len(SEVERITIES))
        blocks = labels[: count * len(SEVERITIES)].reshape(-1, max(count, 1))
        if rest or not count or not (blocks == blocks[0]).all():
            raise ValueError(
                f"{path} must have the labels of the test set five times over, "
                f"got {len(labels)} labels that are not five equal blocks"
            )
        return np.array(blocks[0])

    def _find_shape(self):
        files = _image_files(self.path)
        if not files:
            raise FileNotFoundError(f"{self.path} has no file of images")
        return image_block(str(files[0]), load_npy(files[0])).shape[1:]

    def _apply_manifest(self):
        self.data = "regenerated"
        self.regenerated = True
        self.procedural_frost = self.manifest["procedural_frost"]
        self.notes = (*self.manifest["notes"], *self.notes)
        if self.clean is None:
            return
        found = self.clean_fingerprint
        if found != self.manifest["clean"]:
            raise ValueError(
                f"clean images must be those that {self.path} was made from "
                f"({self.manifest['clean']}), got others ({found})"
            )


def _image_files(folder):
    """Returns the files of the benchmark's corruptions that are there."""
    files = (folder / f"{name}.npy" for name in sorted(CORRUPTIONS))
    return [path for path in files if path.exists()]


def load_npy(path) -> np.ndarray:
    """Returns the memory-mapped array of a file; pickles are refused."""
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} must be a whole .npy file of numbers, got one that is "
            f"truncated, pickled or of another kind: {error}"
        ) from error
