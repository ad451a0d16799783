"""Writes generated images in the layout of the released files.

Each file is written under another name and renamed when it is whole; a
manifest says what the folder is made of, so that a second run goes on with it
or refuses.
"""

import json
import os
import pathlib

import keras
import numpy as np

import kconsist
from kconsist.robustness.corruptions import SEVERITIES
from kconsist.robustness.manifest import (
    MANIFEST,
    block_digests,
    digest_file,
    read_manifest,
)
from kconsist.robustness.npy_folder import NpyFolder, load_npy
from kconsist.robustness.request import corruption_names


def write(source, folder, corruptions="all", verbose=0) -> NpyFolder:
    """Writes a `Generated` source; `Generated.write` says more."""
    names = corruption_names(corruptions)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, manifest(source))
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


def manifest(source) -> dict:
    """Returns what a folder of generated images is made of."""
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


def _claim(folder, wanted):
    """Writes the manifest, or raises where the folder holds other images."""
    found = read_manifest(folder)
    if found is not None:
        if found.get("fingerprint") != wanted["fingerprint"]:
            differ = {
                key: (found.get(key), value)
                for key, value in wanted.items()
                if found.get(key) != value and key != "notes"
            }
            raise ValueError(
                f"{folder} must hold images of the same clean set, settings "
                "and libraries to go on with; it differs in (there, here): "
                f"{differ}"
            )
        return
    files = sorted(file.name for file in folder.glob("*.npy"))
    files += [file.name for file in folder.glob(MANIFEST)]
    if files:
        raise ValueError(
            f"{folder} must be new or have a {MANIFEST}, got files that were "
            f"not written by this: {files[:3]}"
        )
    _write_text(folder / MANIFEST, json.dumps(wanted, indent=2) + "\n")


def _write_labels(path, labels):
    wanted = np.tile(labels, len(SEVERITIES))
    if path.exists() and np.array_equal(load_npy(path), wanted):
        return
    small = np.uint8 if wanted.max() < 256 else np.int64
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.save(file, wanted.astype(small), allow_pickle=False)
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
