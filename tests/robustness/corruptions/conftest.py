"""Nothing here touches Keras, so nothing is reset between the tests."""

import pytest


@pytest.fixture(autouse=True)
def clean_slate():
    """Takes the place of the fixture for trainers."""
