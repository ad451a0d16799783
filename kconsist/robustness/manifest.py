"""What a folder of generated images says about itself.

`manifest.json` says what the images were made from, and beside each file of
images stands a file of digests, so that a file that was changed or damaged
afterwards is not taken for what the manifest says.
"""

import json

from kconsist.data.digests import digest
from kconsist.robustness.corruptions import SEVERITIES

MANIFEST = "manifest.json"
NEEDED = ("clean", "fingerprint", "notes", "procedural_frost")


def read_manifest(folder) -> dict | None:
    """Returns the manifest of a folder that `Generated` wrote, or `None`.

    Args:
        folder: `pathlib.Path`.

    Raises:
        ValueError: a manifest that is damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(
            f"{path} must be whole JSON, got {error}: write the folder again, "
            "or delete the manifest to read the files as any others"
        ) from error
    made_by = found.get("made_by") if isinstance(found, dict) else None
    if not str(made_by).startswith("kconsist"):
        return None  # Another program's.
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise ValueError(f"{path} must have {list(NEEDED)}, lacks {missing}")
    return found


def digest_file(folder, corruption):
    """Returns the path of the digests that stand beside a file of images."""
    return folder / f"{corruption}.npy.digest"


def block_digests(images) -> list[str]:
    """Returns a hash of each of the five blocks of a file of images."""
    count = len(images) // len(SEVERITIES)
    starts = range(0, count * len(SEVERITIES), count)
    return [_digest(images[start : start + count]) for start in starts]


def _digest(images):
    parts = (images[n : n + 1000] for n in range(0, len(images), 1000))
    return digest(*parts)
