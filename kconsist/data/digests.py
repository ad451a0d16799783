"""A hash of the values of arrays, strings and numbers."""

import hashlib

import numpy as np


def digest(*parts) -> str:
    """Returns a hash of arrays, tensors, strings, numbers and None.

    Args:
        *parts: arrays and tensors, of which the shape, the dtype and every
            value count; values with a `repr` that identifies them; lists,
            tuples and dicts of these.

    Returns:
        32 hexadecimal digits.

    Raises:
        ValueError: a part has no values to hash, such as a `tf.data.Dataset`.

    Example:
        ```python
        from kconsist import data

        train, test = data.load("digits")
        print(data.digest(train.images, train.labels))
        ```
    """
    digest_hash = hashlib.blake2b(digest_size=16)
    for part in parts:
        _update(digest_hash, part)
    return digest_hash.hexdigest()


def _update(digest_hash, part):
    if _is_array(part):
        part = np.asarray(part)
        if part.dtype.hasobject:
            raise _not_hashable(part)
        digest_hash.update(f"{part.dtype.str}{part.shape}".encode())
        digest_hash.update(np.ascontiguousarray(part).data)
    elif _is_plain(part):
        digest_hash.update(repr(part).encode())
    elif isinstance(part, list | tuple | dict):
        items = part.items() if isinstance(part, dict) else part
        digest_hash.update(f"{type(part).__name__}{len(part)}".encode())
        for item in items:
            _update(digest_hash, item)
    elif type(part).__repr__ is object.__repr__ or hasattr(part, "__iter__"):
        raise _not_hashable(part)
    else:
        digest_hash.update(repr(part).encode())
    digest_hash.update(b"\0")


def _is_array(part):
    return hasattr(part, "__array__") and not isinstance(part, np.generic)


def _is_plain(part):
    """Returns whether the `repr` of a part contains all of its values."""
    if isinstance(part, dict):
        part = list(part.items())
    if isinstance(part, list | tuple):
        return all(map(_is_plain, part))
    return part is None or isinstance(
        part, bool | int | float | complex | str | bytes | np.generic
    )


def _not_hashable(part):
    return ValueError(
        "digest requires arrays, numbers, strings, or lists of them, got "
        f"{type(part).__name__} {part!r:.60}"
    )
