"""Writes generated images in the layout of the released files.

Each file is written under a temporary name and renamed when it is complete. A
manifest records what the folder is made of, so that a second run resumes the
folder or rejects it.
"""

import json
import os
import pathlib

import keras
import numpy as np

from kconsist.robustness.corruptions import SEVERITIES
from kconsist.robustness.corruptions._selection import select_corruptions
from kconsist.robustness.sources._manifest import (
    MANIFEST,
    block_digests,
    digest_file,
    make_manifest,
    read_manifest,
)
from kconsist.robustness.sources.npy_folder import NpyFolder, load_npy


def write_folder(source, folder, corruptions="all", verbose=0) -> NpyFolder:
    """Writes a `Generated` source; see `Generated.write`."""
    names = select_corruptions(corruptions)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write_manifest(folder, make_manifest(source))
    _write_labels(folder / "labels.npy", source.labels)
    progress = keras.utils.Progbar(
        len(names), verbose=verbose, unit_name="file"
    )
    for number, name in enumerate(names, start=1):
        files = folder / f"{name}.npy", digest_file(folder, name)
        if not all(file.exists() for file in files):
            _write_corruption(source, folder, name)
        progress.update(number)
    return NpyFolder(folder, (source.clean, source.labels), source.num_classes)


def _write_manifest(folder, manifest):
    """Writes the manifest, or raises if the folder has other images."""
    existing = read_manifest(folder)
    if existing is not None:
        if existing.get("fingerprint") != manifest["fingerprint"]:
            differences = {
                key: (existing.get(key), value)
                for key, value in manifest.items()
                if existing.get(key) != value and key != "notes"
            }
            raise ValueError(
                f"{folder} must have images of the same clean set, settings "
                "and library versions to be resumed; it differs in (existing, "
                f"new): {differences}"
            )
        return
    files = sorted(file.name for file in folder.glob("*.npy"))
    files += [file.name for file in folder.glob(MANIFEST)]
    if files:
        raise ValueError(
            f"{folder} must be new or have a {MANIFEST} of this package, got "
            f"files that were not written by it: {files[:3]}"
        )
    _write_text(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")


def _write_labels(path, labels):
    tiled = np.tile(labels, len(SEVERITIES))
    if path.exists() and np.array_equal(load_npy(path), tiled):
        return
    dtype = np.uint8 if tiled.max() < 256 else np.int64
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.save(file, tiled.astype(dtype), allow_pickle=False)
    partial.replace(path)


def _write_corruption(source, folder, name):
    partial = folder / f".{name}.npy.partial"
    shape = (len(SEVERITIES) * len(source.labels), *source.image_shape)
    images = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
    row = 0
    for severity in SEVERITIES:
        for chunk in source.chunks(name, severity):
            images[row : row + len(chunk)] = chunk
            row += len(chunk)
    images.flush()
    _write_text(digest_file(folder, name), "\n".join(block_digests(images)))
    del images  # Closes the file before it is renamed.
    partial.replace(folder / f"{name}.npy")


def _write_text(path, text):
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)
