"""Losses make no layers: there is no session to clear after each test.

Clearing one collects garbage, and takes longer than most of these tests.
"""

import keras
import pytest


@pytest.fixture(autouse=True)
def clean_slate():
    """Gives each test its own seeds and policy."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
