"""Networks with BatchNorm for every role in a trainer."""

import by_hand
import methods
import pytest


@pytest.fixture
def normalized(monkeypatch):
    """Gives BatchNorm to the teachers and peers of `METHODS`, too."""
    monkeypatch.setattr(methods, "network", by_hand.normalized)


@pytest.fixture
def recorded(monkeypatch):
    """The same, with a spy in each."""
    monkeypatch.setattr(methods, "network", by_hand.recorded)
