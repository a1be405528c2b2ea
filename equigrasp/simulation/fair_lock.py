"""A lock whose holder, wanting it back, queues behind those who wait for it."""

import threading


class FairLock:
    """A reentrant lock that threads get in turn; use it in a `with` statement.

    Python's own locks go to whoever asks first after a release. A thread that steps the world over
    and over has its lock back before one that slept for it has woken up: where processor time is
    short, every driver waits until the stepping thread rests, which can take seconds.
    """

    def __init__(self) -> None:
        self._turnstile = threading.Lock()  # held by the thread that is next
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        """Wait for the lock, unless this thread holds it."""
        thread = threading.get_ident()
        if self._owner == thread:
            self._lock.acquire()
        else:
            with self._turnstile:
                self._lock.acquire()
            self._owner = thread
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        """Let go of the lock, to the next thread if there is one."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
        self._lock.release()
