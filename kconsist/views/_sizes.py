"""Sizes of images, and ranges, as arguments."""


def check_sides(name, value):
    """Returns an argument that says a size in pixels.

    Args:
        name: the name of the argument, for the error.
        value: int >= 1, a pair of them (height, width), or None.

    Returns:
        The int, the pair as a tuple, or None.
    """
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    for side in value if pair else [1 if value is None else value]:
        if not isinstance(side, int) or isinstance(side, bool) or side < 1:
            raise ValueError(
                f"{name} must be None, an int of at least 1, or a pair of them "
                f"(height, width), got {value!r}"
            )
    return tuple(value) if pair else value


def sides(value):
    """Returns the height and width that an int or a pair says, a tuple."""
    return value if isinstance(value, tuple) else (value, value)


def check_range(name, value):
    """Returns a pair 0 < least <= most as a tuple, or raises ValueError."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{name} must be (least, most), got {value!r}")
    least, most = value
    if not 0 < least <= most:
        raise ValueError(f"{name} must have 0 < least <= most, got {value}")
    return least, most
