"""Settings of hypothesis: few examples, the same ones in every run."""

import pathlib
import sys

from hypothesis import settings

settings.register_profile(
    "few", deadline=None, derandomize=True, max_examples=15, database=None
)
settings.load_profile("few")

# For loss_cases, which has every loss with its inputs.
sys.path.append(str(pathlib.Path(__file__).parents[1] / "losses"))
