"""Reads the elements of an iterator in a second thread."""

import concurrent.futures
import contextlib
from collections.abc import Iterable, Iterator

_END = object()


@contextlib.contextmanager
def read_ahead(elements: Iterable) -> Iterator[Iterator]:
    """Reads one element while the caller processes the previous one.

    All elements are read in the same thread, one after the other, and at most
    one is waiting for the caller. An exception that is raised while reading an
    element is raised where the caller would get this element. The thread has
    ended when the context is left, for any reason; it finishes the element
    that it is reading first.

    Args:
        elements: iterable, such as a generator.

    Returns:
        A context manager, which gives an iterator of the same elements.

    Example:
        ```python
        from kconsist.robustness._read_ahead import read_ahead

        with read_ahead(number**2 for number in range(3)) as squares:
            assert list(squares) == [0, 1, 4]
        ```
    """
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield _elements(iter(elements), pool)


def _elements(iterator, pool):
    future = pool.submit(next, iterator, _END)
    while (element := future.result()) is not _END:
        future = pool.submit(next, iterator, _END)
        yield element
        # Not kept while the caller waits for the next one.
        del element
