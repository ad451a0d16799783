"""Defers Ctrl-C to the end of a step."""

import signal
import threading


class DeferredInterrupt:
    """Records the first Ctrl-C between `start` and `stop`.

    A second Ctrl-C reaches the previous handler.

    Attributes:
        requested: whether Ctrl-C was pressed.
    """

    def __init__(self):
        self.requested = False
        self._handler = None

    def start(self) -> None:
        """Replaces the SIGINT handler; only the main thread may have one."""
        self.requested = False
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._request)

    def stop(self) -> None:
        """Restores the SIGINT handler."""
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        self._handler = None

    def _request(self, number, frame):
        self.requested = True
        self.stop()
