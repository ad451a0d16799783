"""Selects cells of the benchmark: corruptions and severities."""

from collections.abc import Iterable

import numpy as np

from kconsist.robustness.corruptions.names import (
    CORRUPTIONS,
    EXTRA,
    MAIN,
    SEVERITIES,
)

SETS = {"all": CORRUPTIONS, "main": MAIN, "extra": EXTRA}


def check_cell(corruption: str, severity: int) -> None:
    """Raises `ValueError` unless the benchmark has this cell."""
    if corruption not in CORRUPTIONS:
        raise ValueError(
            f"corruption must be one of {CORRUPTIONS}, got {corruption!r}"
        )
    if isinstance(severity, bool) or severity not in SEVERITIES:
        raise ValueError(
            f"severity must be one of {SEVERITIES} (clean images have no "
            f"severity), got {severity!r}"
        )


def select_corruptions(corruptions: str | Iterable[str]) -> tuple[str, ...]:
    """Returns the selected names, in the benchmark's order.

    Args:
        corruptions: `"all"` 19, the `"main"` 15, the `"extra"` 4, or names.

    Raises:
        ValueError: an unknown name, or no name.
    """
    if isinstance(corruptions, str):
        if corruptions in SETS:
            return SETS[corruptions]
        corruptions = (corruptions,)
    if not np.iterable(corruptions):
        raise ValueError(
            f"corruptions must be one of {list(SETS)} or a list of names, got "
            f"{corruptions!r}"
        )
    selected = tuple(corruptions)
    for name in selected:
        check_cell(name, SEVERITIES[0])
    if not selected:
        raise ValueError("corruptions must have at least one name, got none")
    return tuple(name for name in CORRUPTIONS if name in selected)


def select_cells(
    corruptions: str | Iterable[str], severities: Iterable[int]
) -> list[tuple[str, int]]:
    """Returns the selected (corruption, severity) pairs, in order.

    Args:
        corruptions: as for `select_corruptions`.
        severities: ints from 1 to 5.

    Raises:
        ValueError: an unknown name or severity, or none at all.
    """
    names = select_corruptions(corruptions)
    given = tuple(severities) if np.iterable(severities) else ()
    if not given:
        raise ValueError(
            f"severities must be a list of ints from {SEVERITIES}, got "
            f"{severities!r}"
        )
    for severity in given:
        check_cell(names[0], severity)
    selected = sorted({int(severity) for severity in given})
    return [(name, severity) for name in names for severity in selected]
