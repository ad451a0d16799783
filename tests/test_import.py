"""Importing says what is missing, and does nothing else."""

import os
import subprocess
import sys

import pytest

import kconsist


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_tensorflow_it_says_how_to_install_it():
    found = run(
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: "
        "None if name == 'tensorflow' else find(name, *a)\n"
        "import kconsist"
    )
    assert found.returncode
    assert found.stderr.strip().endswith(
        "ImportError: kconsist needs TensorFlow, and none is installed: run "
        "`pip install 'kconsist[cpu]'` (or `[gpu]`, `[tpu]`)."
    )


def test_under_another_backend_it_says_so():
    found = run("import kconsist", KERAS_BACKEND="numpy")
    assert found.returncode
    assert (
        "ImportError: kconsist needs Keras's tensorflow backend, and Keras "
        "runs on 'numpy'" in found.stderr
    )


def test_import_needs_no_recipe_package():
    """The extras are imported where they are used."""
    found = run(
        "import sys, keras; before = set(sys.modules); import kconsist; "
        "print(sorted({'sklearn', 'matplotlib', 'tensorflow_datasets', "
        "'keras_cv', 'PIL'} & set(sys.modules) - before))"
    )
    assert found.stdout.strip() == "[]", found.stderr


@pytest.mark.parametrize("name", kconsist.__all__)
def test_public_names_are_there(name):
    assert getattr(kconsist, name) is not None
