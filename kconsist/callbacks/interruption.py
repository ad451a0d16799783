"""Ctrl-C that waits for the end of a step."""

import signal
import threading


class Interruption:
    """Notes the first Ctrl-C between `start` and `stop`; lets later ones be.

    Attributes:
        requested: whether Ctrl-C was pressed.
    """

    def __init__(self):
        self.requested = False
        self._handler = None

    def start(self):
        """Takes Ctrl-C over, in the main thread, where Python handles it."""
        self.requested = False
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._request)

    def stop(self):
        """Gives Ctrl-C back."""
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        self._handler = None

    def _request(self, number, frame):
        self.requested = True
        self.stop()
