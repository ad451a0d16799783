"""The files of a report: written whole or not at all, read with care."""

import io
import pathlib

import numpy as np

from kconsist.data.digests import digest


def write_file(path, content: bytes) -> None:
    """Writes a file atomically, and makes its folder where there is none."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def write_hits(report_path, hits) -> str:
    """Writes hits beside a report and returns their digest."""
    buffer = io.BytesIO()
    np.save(buffer, hits, allow_pickle=False)
    write_file(_hits_file(report_path), buffer.getvalue())
    return digest(hits)


def read_hits(report_path, wanted: str) -> np.ndarray | None:
    """Returns the hits beside a report, or `None` where they are not kept.

    Raises:
        ValueError: a damaged file, or one whose digest is not `wanted`.
    """
    path = _hits_file(report_path)
    if not path.exists():
        return None
    try:
        hits = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path} must be the whole file that to_json wrote, got: {error}"
        ) from error
    if digest(hits) != wanted:
        raise ValueError(f"{path} belongs to another report")
    return hits


def _hits_file(path):
    """Returns the path of the hits: of `a.json` it is `a.hits.npy`."""
    return path.with_name(f"{path.name.removesuffix('.json')}.hits.npy")
