"""A hash that says whether two sets of arrays are the same."""

import hashlib

import numpy as np


def digest(*parts) -> str:
    """Returns a hash of arrays, tensors, strings, numbers and None.

    Args:
        *parts: arrays and tensors, whose shape, dtype and every value count;
            values whose `repr` tells them apart; lists, tuples and dicts of
            these.

    Returns:
        32 hexadecimal digits.

    Raises:
        ValueError: a part without values of its own, such as a data set.

    Example:
        ```python
        from kconsist import data

        train, test = data.load("digits")
        print(data.digest(train.images, train.labels))
        ```
    """
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        _add(found, part)
    return found.hexdigest()


def _add(found, part):
    if _is_array(part):
        part = np.asarray(part)
        if part.dtype.hasobject:
            raise _not_values(part)
        found.update(f"{part.dtype.str}{part.shape}".encode())
        found.update(np.ascontiguousarray(part).data)
    elif _is_plain(part):
        found.update(repr(part).encode())
    elif isinstance(part, list | tuple | dict):
        items = part.items() if isinstance(part, dict) else part
        found.update(f"{type(part).__name__}{len(part)}".encode())
        for item in items:
            _add(found, item)
    elif type(part).__repr__ is object.__repr__ or hasattr(part, "__iter__"):
        raise _not_values(part)
    else:
        found.update(repr(part).encode())
    found.update(b"\0")


def _is_array(part):
    return hasattr(part, "__array__") and not isinstance(part, np.generic)


def _is_plain(part):
    """Returns whether the `repr` of a part has every value in it."""
    if isinstance(part, dict):
        part = list(part.items())
    if isinstance(part, list | tuple):
        return all(map(_is_plain, part))
    return part is None or isinstance(
        part, bool | int | float | complex | str | bytes | np.generic
    )


def _not_values(part):
    return ValueError(
        "a digest needs arrays, numbers, strings, or lists of them, got "
        f"{type(part).__name__} {part!r:.60}"
    )
