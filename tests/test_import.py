"""Importing reports what is missing, and needs no optional package."""

import os
import pathlib
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


def test_missing_tensorflow_is_reported_with_a_command():
    found = run(
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: "
        "None if name == 'tensorflow' else find(name, *a)\n"
        "import kconsist"
    )
    assert found.returncode
    assert found.stderr.strip().endswith(
        "ImportError: kconsist needs TensorFlow, which is not installed: run "
        "`pip install 'kconsist[cpu]'` (or `[gpu]`, `[tpu]`)."
    )


def test_another_backend_is_rejected():
    found = run("import kconsist", KERAS_BACKEND="numpy")
    assert found.returncode
    assert (
        "ImportError: kconsist needs Keras's tensorflow backend, got the "
        "backend 'numpy'" in found.stderr
    )


RECIPE_PACKAGES = ["PIL", "keras_cv", "matplotlib", "sklearn"]
WITHOUT_THEM = (
    f"import sys; sys.modules.update(dict.fromkeys({RECIPE_PACKAGES}))\n"
    "import importlib.util as u; find = u.find_spec\n"
    f"u.find_spec = lambda n, *a: None if n in {RECIPE_PACKAGES} else "
    "find(n, *a)\n"
    "import kconsist, numpy as np\n"
)


def test_import_needs_no_recipe_package():
    """Packages of the extras are imported only by what uses them."""
    found = run(WITHOUT_THEM + "print(kconsist.FixMatch.__name__)")
    assert found.stdout.strip() == "FixMatch", found.stderr


def test_missing_recipe_package_is_named():
    needed = {
        "data.load('moons')": 'load("moons") needs sklearn',
        "data.load('digits')": 'load("digits") needs sklearn',
        "views.show(np.zeros((2, 8, 8, 3), 'uint8'), None)": (
            "show() needs matplotlib"
        ),
    }
    found = run(
        f"{WITHOUT_THEM}for call in {list(needed)}:\n"
        "    try: eval('kconsist.' + call)\n"
        "    except ImportError as error: print(error)\n"
        "    else: print('no error')"
    )
    assert found.stdout.splitlines() == [
        f"{words}, which is not installed: run "
        '`pip install "kconsist[recipes]"`.'
        for words in needed.values()
    ], found.stderr


@pytest.mark.parametrize("name", kconsist.__all__)
def test_every_public_name_exists(name):
    assert getattr(kconsist, name) is not None


def test_type_checkers_read_the_hints():
    """Without this file they ignore the hints of an installed package."""
    assert (pathlib.Path(kconsist.__file__).parent / "py.typed").exists()
