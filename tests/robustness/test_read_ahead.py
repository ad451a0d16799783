"""A second thread reads one element ahead, and always ends."""

import threading

import pytest

from kconsist.robustness._read_ahead import read_ahead

# A deadlock fails a test instead of stopping all of them.
SECONDS = 20


def test_the_elements_keep_their_order():
    with read_ahead(range(100)) as elements:
        assert list(elements) == list(range(100))
    with read_ahead([]) as elements:
        assert list(elements) == []
    with read_ahead([None, False, 0]) as elements:
        assert list(elements) == [None, False, 0]


def test_the_next_element_is_read_meanwhile():
    """The second element is read before the caller is done with the first."""
    is_read = threading.Event()

    def numbers():
        yield 1
        is_read.set()
        yield 2

    with read_ahead(numbers()) as elements:
        assert next(elements) == 1
        assert is_read.wait(SECONDS)
        assert next(elements) == 2


def test_all_elements_are_read_in_one_other_thread():
    def threads():
        for _ in range(20):
            yield threading.get_ident()

    with read_ahead(threads()) as elements:
        found = set(elements)
    assert len(found) == 1 and threading.get_ident() not in found


def test_at_most_one_element_waits():
    """While the caller has element n, n + 1 is the last that is started."""
    started = []

    def numbers():
        for number in range(10):
            started.append(number)
            yield number

    with read_ahead(numbers()) as elements:
        for number in elements:
            assert started[-1] <= number + 1
    assert started == list(range(10))


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, StopIteration])
def test_an_error_comes_in_the_place_of_its_element(error):
    """`StopIteration` in a generator is a `RuntimeError`."""

    def numbers():
        yield 1
        yield 2
        raise error("broken")

    found = []
    expected = RuntimeError if error is StopIteration else error
    with pytest.raises(expected), read_ahead(numbers()) as elements:
        for number in elements:
            found.append(number)
    assert found == [1, 2]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, None])
def test_no_thread_remains(error):
    """Even if the caller stops after the first of endless elements."""
    before = threading.active_count()

    def endless():
        while True:
            yield 0

    def run():
        with read_ahead(endless()) as elements:
            next(elements)
            assert threading.active_count() == before + 1
            if error is not None:
                raise error
        return True

    if error is None:
        assert run()
    else:
        with pytest.raises(error):
            run()
    assert threading.active_count() == before
