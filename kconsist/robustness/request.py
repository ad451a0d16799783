"""What an evaluation is asked for: corruptions and severities."""

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
    for name in corruptions:
        known_cell(name, SEVERITIES[0])
    if not corruptions:
        raise ValueError("corruptions must have at least one name, got none")
    return tuple(name for name in CORRUPTIONS if name in set(corruptions))


def cells(corruptions, severities) -> list[tuple[str, int]]:
    """Returns the (corruption, severity) pairs asked for, in order.

    Args:
        corruptions: as for `corruption_names`.
        severities: ints from 1 to 5.

    Raises:
        ValueError: an unknown name or severity, or none.
    """
    names = corruption_names(corruptions)
    if isinstance(severities, int) or not len(severities):
        raise ValueError(
            f"severities must be a list of ints out of {SEVERITIES}, got "
            f"{severities!r}"
        )
    for severity in severities:
        known_cell(names[0], severity)
    chosen = sorted({int(severity) for severity in severities})
    return [(name, severity) for name in names for severity in chosen]
