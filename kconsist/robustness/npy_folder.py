"""The layout of the released CIFAR-10-C: one .npy file a corruption.

Each file holds five blocks of all test images, severity 1 first; the clean
images are not among them. `labels.npy` holds the test labels five times over.

Reference: Hendrycks and Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"
(https://zenodo.org/records/2535967).
"""

import json
import pathlib

import numpy as np

from kconsist.robustness.corruptions import SEVERITIES
from kconsist.robustness.sources import (
    Source,
    class_count,
    digest,
    image_block,
    known_cell,
    label_column,
)

MANIFEST = "manifest.json"


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
        ValueError: labels that are not five equal blocks, or clean images that
            are not those of the folder.

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
        self.manifest = self._read_manifest()
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
        """Raises unless the files of `cells` are there and whole."""
        for corruption in dict.fromkeys(name for name, _ in cells):
            self._file(corruption)

    @property
    def fingerprint(self) -> str:
        """Hash of the labels and of rows from all over every file.

        For a folder that `Generated` wrote it is that of the generator: these
        are the same images.
        """
        if self.manifest:
            return self.manifest["fingerprint"]
        parts = [self.labels]
        for path in sorted(self.path.glob("*.npy")):
            if path.name != "labels.npy":
                images = self._file(path.stem)
                rows = np.linspace(0, len(images) - 1, 50).astype(int)
                parts += [path.stem, images.shape, np.array(images[rows])]
        return digest("npy", *parts)

    def _file(self, corruption):
        path = self.path / f"{corruption}.npy"
        images = image_block(str(path), load_npy(path))
        if len(images) != len(SEVERITIES) * len(self.labels):
            raise ValueError(
                f"{path} must have {len(SEVERITIES)} blocks of "
                f"{len(self.labels)} images as labels.npy says, got "
                f"{len(images)} images"
            )
        return images

    def _read_labels(self):
        path = self.path / "labels.npy"
        labels = label_column(load_npy(path))
        count, rest = divmod(len(labels), len(SEVERITIES))
        blocks = labels[: count * len(SEVERITIES)].reshape(-1, max(count, 1))
        if rest or not count or not (blocks == blocks[0]).all():
            raise ValueError(
                f"{path} must have the labels of the test set five times over, "
                f"got {len(labels)} labels that are not five equal blocks"
            )
        return np.array(blocks[0])

    def _read_manifest(self):
        path = self.path / MANIFEST
        return json.loads(path.read_text()) if path.exists() else None

    def _find_shape(self):
        for path in sorted(self.path.glob("*.npy")):
            if path.name != "labels.npy":
                return image_block(str(path), load_npy(path)).shape[1:]
        raise FileNotFoundError(f"{self.path} has no file of images")

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
