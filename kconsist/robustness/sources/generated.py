"""CIFAR-10-C, regenerated from clean images.

The released noise was sampled without a seed, so these images have noise of the
same distribution but with other values. Results on them are labeled
"regenerated".
"""

import importlib.metadata
import os
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np

from kconsist import _checks
from kconsist._requirements import check_installed
from kconsist.data import digest
from kconsist.robustness.corruptions import PRESETS, corrupt, frost_source
from kconsist.robustness.corruptions._selection import check_cell
from kconsist.robustness.corruptions.frost_textures import PHOTOGRAPHS
from kconsist.robustness.sources._folder_writer import write_folder
from kconsist.robustness.sources._validation import (
    check_same_length,
    validate_images,
    validate_labels,
    validate_num_classes,
)
from kconsist.robustness.sources.npy_folder import NpyFolder
from kconsist.robustness.sources.source import Source

LIBRARIES = ("numpy", "scipy", "pillow")


class Generated(Source):
    """Clean images that are corrupted when they are read.

    Images are generated in chunks and then discarded, so all 95 cells of 10,000
    images (2.9 GB) require no more memory than one chunk. `write` saves them in
    the released layout. Image i of a cell depends only on (seed, corruption,
    severity, i): any subset, order or resumed run has the same images.

    Args:
        images: uint8 array (examples, height, width, 3 or 1), the clean test
            set at its original size, before any resize.
        labels: integer array (examples,) or (examples, 1).
        preset: constants for the image size: `"cifar"`, `"tiny_imagenet"` or
            `"imagenet"`. Defaults to `"cifar"`.
        seed: seed of all random numbers. Defaults to `0`.
        frost_dir: folder with the benchmark's frost photographs. With `None`,
            frost is a procedural texture, and reports mention it. Defaults to
            `None`.
        num_classes: number of classes. Defaults to the largest label plus one.

    Raises:
        ValueError: images that are not uint8 with 1 or 3 channels, labels of
            another length, or an unknown preset.
        ImportError: SciPy or Pillow is not installed.
        FileNotFoundError: `frost_dir` lacks a photograph.

    Example:
        ```python
        import numpy as np
        from kconsist.robustness import Generated

        source = Generated(np.zeros((2, 32, 32, 3), "uint8"), [0, 1])
        for images in source.chunks("fog", severity=3):
            assert images.shape == (2, 32, 32, 3)
        ```
    """

    data = "regenerated"
    regenerated = True
    aligned = True

    def __init__(
        self,
        images,
        labels,
        preset: str = "cifar",
        seed: int = 0,
        frost_dir: str | os.PathLike | None = None,
        num_classes: int | None = None,
    ):
        for module in ("scipy", "PIL"):
            check_installed(module, "Generated()")
        self.clean = validate_images("images", images)
        if self.clean.shape[-1] not in (1, 3):
            raise ValueError(
                "images must have 3 channels (RGB) or 1, got shape "
                f"{self.clean.shape}"
            )
        _checks.one_of("preset", preset, tuple(PRESETS))
        self.labels = self.clean_labels = validate_labels(labels)
        check_same_length("images", self.clean, self.labels)
        self.preset = preset
        self.seed = _checks.as_integer("seed", seed, 0)
        self.frost_dir = frost_dir
        self.frost = frost_source(frost_dir)
        self.procedural_frost = frost_dir is None
        self.image_shape = self.clean.shape[1:]
        self.num_classes = validate_num_classes(self.labels, num_classes)
        self.notes = self._notes()

    @property
    def fingerprint(self) -> str:
        """Hash of the clean set, the settings and the library versions."""
        settings = self.preset, self.seed, self._frost_id(), self.versions
        return digest("generated", self.clean_fingerprint, settings)

    def cell_fingerprint(self, corruption: str, severity: int) -> str:
        """Returns a hash of everything that a cell is made from."""
        return self.cell_fingerprints([(corruption, severity)])[
            corruption, severity
        ]

    def cell_fingerprints(
        self, cells: Iterable[tuple[str, int]]
    ) -> dict[tuple[str, int], str]:
        """Returns the hashes of several cells; hashes the clean set once."""
        fingerprint = self.fingerprint
        return {cell: digest(fingerprint, *cell) for cell in cells}

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the libraries that determine the pixels."""
        return {name: importlib.metadata.version(name) for name in LIBRARIES}

    def chunks(
        self,
        corruption: str,
        severity: int,
        ids: np.ndarray | None = None,
        size: int = 1000,
    ) -> Iterator[np.ndarray]:
        """Yields corrupted images in chunks of `size`."""
        check_cell(corruption, severity)
        ids = np.arange(len(self.clean)) if ids is None else np.asarray(ids)
        for start in range(0, len(ids), size):
            chunk = ids[start : start + size]
            yield self._corrupt(corruption, severity, chunk)

    def cell(self, corruption: str, severity: int) -> np.ndarray:
        """Returns all images of a cell."""
        return np.concatenate(list(self.chunks(corruption, severity)))

    def write(
        self,
        folder: str | os.PathLike,
        corruptions: str | Iterable[str] = "all",
        verbose: int = 0,
    ) -> NpyFolder:
        """Writes the images in the released layout, for `NpyFolder`.

        Each file gets its final name when it is complete, so the same call
        resumes a run that was killed. A file of digests (`fog.npy.digest`) next
        to it lets `NpyFolder` verify it. Several processes may write different
        corruptions to one folder.

        Args:
            folder: path, created if it does not exist.
            corruptions: `"all"`, `"main"`, `"extra"` or a list of names.
                Defaults to `"all"`.
            verbose: 1 shows a progress bar, 0 does not. Defaults to `0`.

        Returns:
            `NpyFolder` of the folder, with the clean images.

        Raises:
            ValueError: the folder has other images: its manifest differs or is
                missing.
        """
        return write_folder(self, folder, corruptions, verbose)

    def _corrupt(self, corruption, severity, ids):
        return corrupt(
            self.clean[ids],
            corruption,
            severity,
            seed=self.seed,
            preset=self.preset,
            frost_dir=self.frost_dir,
            start=ids,
        )

    def _frost_id(self):
        """Identifies the frost textures independently of their folder."""
        if self.frost_dir is None:
            return self.frost
        folder = pathlib.Path(self.frost_dir)
        return digest(*((folder / n).read_bytes() for n in PHOTOGRAPHS))

    def _notes(self):
        regenerated = (
            "Regenerated corruptions, not the released files: the same "
            f"constants (preset {self.preset}), noise of the same distribution "
            f"with seed {self.seed}. jpeg_compression and elastic_transform "
            "depend on library versions."
        )
        if not self.procedural_frost:
            return (regenerated,)
        frost = (
            "frost is a procedural texture of the same brightness, not the "
            "photographs of CIFAR-10-C."
        )
        return regenerated, frost
