"""The package is imported lazily, and so are optional dependencies."""

import subprocess
import sys

import pytest

CODE = """
import sys
import keras, tensorflow
before = set(sys.modules)
import kconsist
assert "kconsist.robustness" not in sys.modules
import kconsist.robustness
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(new & {"scipy", "matplotlib", "PIL", "tensorflow_datasets"}))
"""


@pytest.mark.slow
def test_optional_dependencies_are_imported_lazily():
    result = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout.strip() == "[]", result.stderr[-1000:]
