"""Checks of arguments that give a size or a range."""


def check_size(name: str, value):
    """Returns a size in pixels, or raises ValueError.

    Args:
        name: the name of the argument, for the error.
        value: int >= 1, a pair (height, width) of them, or `None`.

    Returns:
        The int, the pair as a tuple, or `None`.
    """
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    for side in value if pair else [1 if value is None else value]:
        if not isinstance(side, int) or isinstance(side, bool) or side < 1:
            raise ValueError(
                f"{name} must be None, an int of at least 1, or a pair "
                f"(height, width) of them, got {value!r}"
            )
    return tuple(value) if pair else value


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns (height, width) of a size given as an int or a pair."""
    return size if isinstance(size, tuple) else (size, size)


def check_range(name: str, value) -> tuple:
    """Returns a pair 0 < minimum <= maximum as a tuple, or raises."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(
            f"{name} must be a pair (minimum, maximum), got {value!r}"
        )
    minimum, maximum = value
    if not 0 < minimum <= maximum:
        raise ValueError(
            f"{name} must satisfy 0 < minimum <= maximum, got {value}"
        )
    return minimum, maximum
