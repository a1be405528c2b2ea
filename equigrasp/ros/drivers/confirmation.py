"""A person's consent to each motion."""

import threading
import time
from collections.abc import Callable

from std_srvs.srv import Trigger

from equigrasp.errors import CommandRejectedError

_POLL = 0.02  # [s]


class Confirmation:
    """Lets one motion wait until somebody calls the service; each call allows one motion."""

    def __init__(self) -> None:
        self._is_given = threading.Event()
        self._lock = threading.Lock()
        self.is_awaited = False

    def give(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Serve the service; a consent to nothing is refused."""
        with self._lock:
            response.success = self.is_awaited
            response.message = "It moves." if self.is_awaited else "Nothing waits for a consent."
            if self.is_awaited:
                self._is_given.set()
                self.is_awaited = False
        return response

    def wait(self, timeout: float, is_over: Callable[[], bool]) -> None:
        """Wait until consent is given, or `is_over()`.

        Raises:
            CommandRejectedError: if nobody consents within `timeout` [s].
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            self._is_given.clear()
            self.is_awaited = True
        try:
            while not self._is_given.wait(_POLL) and not is_over():
                if time.monotonic() > deadline:
                    raise CommandRejectedError(f"The motion was not confirmed within {timeout} s.")
        finally:
            with self._lock:
                self.is_awaited = False
