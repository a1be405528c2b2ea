"""A thread that answers requests until it is closed."""

import threading
from abc import ABC, abstractmethod
from typing import TypeVar

from equigrasp.hardware.robotiq.config import RobotiqConfig
from equigrasp.virtual.robotiq.faulty_line import FaultyLine

S = TypeVar("S", bound="Server")

TICK = 0.01  # [s] after which a server that hears nothing looks whether it is to end


class Server(ABC):
    """Serves from `start()` to `close()`; a context manager that does both.

    Attributes:
        line: What answers go through.
    """

    def __init__(self) -> None:
        self.line = FaultyLine()
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the server's end and begin to answer."""
        self.restore()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and let go of everything; may be called twice."""
        self._is_ending.set()
        self.line.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.cut()

    def __enter__(self: S) -> S:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @abstractmethod
    def driver_config(self) -> RobotiqConfig:
        """Return the configuration with which a driver reaches this server, once started."""

    @abstractmethod
    def restore(self) -> None:
        """Be reachable, as at first or after a `cut()`."""

    @abstractmethod
    def cut(self) -> None:
        """Break every connection off and be out of reach; may be called twice."""

    @abstractmethod
    def _serve(self) -> None:
        """Answer what has arrived; return within about a tick if nothing has."""

    def _run(self) -> None:
        while not self._is_ending.is_set():
            self._serve()
