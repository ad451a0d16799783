"""The judge is imported by name, and imports no extra before it needs it."""

import subprocess
import sys

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


def test_no_extra_is_imported_at_once():
    found = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.stdout.strip() == "[]", found.stderr[-1000:]
