"""What an evaluation is asked for: corruptions and severities."""

import numpy as np

from kconsist.robustness.corruptions import (
    CORRUPTIONS,
    EXTRA,
    MAIN,
    SEVERITIES,
)
from kconsist.robustness.sources import known_cell

SETS = {"all": CORRUPTIONS, "main": MAIN, "extra": EXTRA}


def corruption_names(corruptions) -> tuple[str, ...]:
    """Returns the names asked for, in the benchmark's order.

    Args:
        corruptions: `"all"` 19, the `"main"` 15, the `"extra"` 4, or names.

    Raises:
        ValueError: an unknown name, or none.
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
    chosen = tuple(corruptions)
    for name in chosen:
        known_cell(name, SEVERITIES[0])
    if not chosen:
        raise ValueError("corruptions must have at least one name, got none")
    return tuple(name for name in CORRUPTIONS if name in chosen)


def cells(corruptions, severities) -> list[tuple[str, int]]:
    """Returns the (corruption, severity) pairs asked for, in order.

    Args:
        corruptions: as for `corruption_names`.
        severities: ints from 1 to 5.

    Raises:
        ValueError: an unknown name or severity, or none.
    """
    names = corruption_names(corruptions)
    found = tuple(severities) if np.iterable(severities) else ()
    if not found:
        raise ValueError(
            f"severities must be a list of ints out of {SEVERITIES}, got "
            f"{severities!r}"
        )
    for severity in found:
        known_cell(names[0], severity)
    chosen = sorted({int(severity) for severity in found})
    return [(name, severity) for name in names for severity in chosen]
