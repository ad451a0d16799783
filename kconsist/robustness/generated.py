"""CIFAR-10-C made here from clean images, evaluated or written to files.

The released noise was drawn without a seed, so these images have its law, not
its values, and results on them are labeled "regenerated".
"""

import importlib.metadata
import pathlib

import numpy as np

from kconsist import _checks
from kconsist._requirements import check_installed
from kconsist.data.inputs import whole_number
from kconsist.robustness import folder_writer
from kconsist.robustness.corruptions import PRESETS, corrupt, frost_source
from kconsist.robustness.corruptions.frost_textures import PHOTOGRAPHS
from kconsist.robustness.sources import (
    Source,
    class_count,
    digest,
    image_block,
    known_cell,
    label_column,
    same_length,
)

LIBRARIES = ("numpy", "scipy", "pillow")


class Generated(Source):
    """Corrupts clean images when they are asked for.

    Images are made, evaluated and dropped by chunks, so all 95 cells of 10,000
    images (2.9 GB) need no more memory than one chunk; `write` keeps them in
    the released layout. Image i of a cell is drawn by (seed, corruption,
    severity, i) alone: any subset, order or resumed run has the same images.

    Args:
        images: uint8 array (examples, height, width, 3 or 1), the clean test
            set at its own size, before any resize.
        labels: integer array (examples,) or (examples, 1).
        preset: constants for the size of image: `"cifar"`, `"tiny_imagenet"`
            or `"imagenet"`. Defaults to `"cifar"`.
        seed: seed of all draws. Defaults to `0`.
        frost_dir: folder with the benchmark's frost photographs; without, frost
            is a procedural texture, and results say so. Defaults to `None`.
        num_classes: number of classes. Defaults to the largest label plus one.

    Raises:
        ValueError: images that are not uint8 RGB, labels of another length, or
            an unknown preset.
        FileNotFoundError: a `frost_dir` without the photographs.

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
        frost_dir=None,
        num_classes=None,
    ):
        for module in ("scipy", "PIL"):
            check_installed(module, "Generated()")
        self.clean = image_block("images", images)
        if self.clean.shape[-1] not in (1, 3):
            raise ValueError(
                "images must have 3 channels (RGB) or 1, got shape "
                f"{self.clean.shape}"
            )
        _checks.one_of("preset", preset, tuple(PRESETS))
        self.labels = self.clean_labels = label_column(labels)
        same_length("images", self.clean, self.labels)
        self.preset = preset
        self.seed = whole_number("seed", seed, 0)
        self.frost_dir = frost_dir
        self.frost = frost_source(frost_dir)
        self.procedural_frost = frost_dir is None
        self.image_shape = self.clean.shape[1:]
        self.num_classes = class_count(self.labels, num_classes)
        self.notes = self._notes()

    @property
    def fingerprint(self) -> str:
        """Hash of the clean set, the settings and the libraries' versions."""
        settings = self.preset, self.seed, self._frost(), self.versions
        return digest("generated", self.clean_fingerprint, settings)

    def cell_fingerprint(self, corruption, severity):
        """Returns a hash of what the images of a cell are made from."""
        return digest(self.fingerprint, corruption, severity)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the libraries that the pixels depend on."""
        return {name: importlib.metadata.version(name) for name in LIBRARIES}

    def chunks(self, corruption, severity, ids=None, size=1000):
        """Yields corrupted images, `size` at a time."""
        known_cell(corruption, severity)
        ids = np.arange(len(self.clean)) if ids is None else np.asarray(ids)
        for start in range(0, len(ids), size):
            yield self._corrupted(
                corruption, severity, ids[start : start + size]
            )

    def cell(self, corruption, severity):
        """Returns all images of a cell."""
        return np.concatenate(list(self.chunks(corruption, severity)))

    def write(self, folder, corruptions="all", verbose: int = 0):
        """Writes the released layout, which `NpyFolder` reads.

        Each file appears under its name when it is finished, so the same call
        resumes a run that was killed. Beside it stands a file of digests
        (`fog.npy.digest`), by which `NpyFolder` knows it again. Several
        processes may write different corruptions to one folder.

        Args:
            folder: path, made where there is none.
            corruptions: `"all"`, `"main"`, `"extra"` or a list of names.
                Defaults to `"all"`.
            verbose: 1 draws a progress bar. Defaults to `0`.

        Returns:
            `NpyFolder` of the folder, with the clean images.

        Raises:
            ValueError: a folder of other images: its manifest differs, or it
                has none.
        """
        return folder_writer.write(self, folder, corruptions, verbose)

    def _corrupted(self, corruption, severity, ids):
        return corrupt(
            self.clean[ids],
            corruption,
            severity,
            seed=self.seed,
            preset=self.preset,
            frost_dir=self.frost_dir,
            start=ids,
        )

    def _frost(self):
        """Returns what frost is made of, wherever the photographs lie."""
        if self.frost_dir is None:
            return self.frost
        folder = pathlib.Path(self.frost_dir)
        return digest(*((folder / n).read_bytes() for n in PHOTOGRAPHS))

    def _notes(self):
        made = (
            "Regenerated corruptions, not the released files: the same "
            f"constants (preset {self.preset}), noise of the same law drawn by "
            f"seed {self.seed}; jpeg_compression and elastic_transform depend "
            "on the versions of the libraries."
        )
        if not self.procedural_frost:
            return (made,)
        return made, (
            "frost is a procedural texture of the same brightness, not the "
            "photographs of CIFAR-10-C."
        )
