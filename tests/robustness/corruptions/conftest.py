"""These tests do not use Keras, so its state is not reset."""

import pytest


@pytest.fixture(autouse=True)
def clean_slate():
    """Overrides the fixture that resets Keras."""
