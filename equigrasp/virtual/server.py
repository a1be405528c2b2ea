"""A thread that serves until it is closed."""

import threading
from abc import ABC, abstractmethod
from typing import TypeVar

S = TypeVar("S", bound="Server")

TICK = 0.01  # [s] after which a server that hears nothing looks whether it is to end


class Server(ABC):
    """Serves from `start()` to `close()`; a context manager that does both."""

    def __init__(self) -> None:
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Be reachable and begin to serve; raise `DeviceError` if the address is taken."""
        self.plug()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and let go of everything; may be called twice."""
        self._is_ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.unplug()

    def __enter__(self: S) -> S:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @abstractmethod
    def plug(self) -> None:
        """Be reachable, as at first or after `unplug`."""

    @abstractmethod
    def unplug(self) -> None:
        """Fault: drop every client and be out of reach until `plug()`; may be called twice."""

    @abstractmethod
    def _serve(self) -> None:
        """Do what is due; return within about a tick if nothing is."""

    def _run(self) -> None:
        while not self._is_ending.is_set():
            self._serve()
