"""The manifest of a folder of generated images.

`manifest.json` records what the images were made from. A file of digests next
to each file of images shows whether the images were changed or damaged later.
"""

import json
import pathlib

import kconsist
from kconsist.data import digest
from kconsist.robustness.corruptions import SEVERITIES

MANIFEST = "manifest.json"
REQUIRED_KEYS = ("clean", "fingerprint", "notes", "procedural_frost")


def make_manifest(source) -> dict:
    """Returns the manifest of a `Generated` source."""
    return {
        "made_by": f"kconsist {kconsist.__version__}",
        "regenerated": True,
        "notes": list(source.notes),
        "preset": source.preset,
        "seed": source.seed,
        "procedural_frost": source.procedural_frost,
        "versions": source.versions,
        "examples": len(source.labels),
        "image_shape": list(source.image_shape),
        "clean": source.clean_fingerprint,
        "fingerprint": source.fingerprint,
    }


def read_manifest(folder: pathlib.Path) -> dict | None:
    """Returns the manifest of a folder that `Generated` wrote, or `None`.

    Raises:
        ValueError: a damaged manifest.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(
            f"{path} must be complete JSON, got {error}: write the folder "
            "again, or delete the manifest to read the files without it"
        ) from error
    made_by = manifest.get("made_by") if isinstance(manifest, dict) else None
    if not str(made_by).startswith("kconsist"):
        return None  # Written by another program.
    missing = [name for name in REQUIRED_KEYS if name not in manifest]
    if missing:
        raise ValueError(
            f"{path} must have the keys {list(REQUIRED_KEYS)}, lacks {missing}"
        )
    return manifest


def digest_file(folder: pathlib.Path, corruption: str) -> pathlib.Path:
    """Returns the path of the digests of a file of images."""
    return folder / f"{corruption}.npy.digest"


def block_digests(images) -> list[str]:
    """Returns a hash of each of the five blocks of a file of images."""
    count = len(images) // len(SEVERITIES)
    starts = range(0, count * len(SEVERITIES), count)
    return [_digest(images[start : start + count]) for start in starts]


def _digest(images):
    chunks = (images[n : n + 1000] for n in range(0, len(images), 1000))
    return digest(*chunks)
