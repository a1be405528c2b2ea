"""Processor time that a hypervisor gave to other machines while a test ran.

A virtual machine whose processors stand still for half a second breaks every promise about time, and
tells nothing about who made it. A test that fails while that happens is run again, twice at most.
On a machine with processors of its own nothing is ever stolen, and a test that fails has failed.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

_WINDOW = 0.5  # [s] over which the stolen share is taken
_TOO_MUCH = 0.3  # share of a window, of all processors
_STAT = Path("/proc/stat")


def stolen_seconds() -> float:
    """Return the processor time stolen since this machine started [s]; 0.0 where nobody counts it."""
    if not _STAT.is_file():
        return 0.0
    fields = _STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")  # proc(5): user, nice, ..., steal


class StolenTime:
    """Keeps the largest share of processor time that was stolen over any half second.

    Args:
        stolen: Returns the processor time stolen so far [s].
        now: Returns the time [s].
        num_processors: Of this machine.
    """

    def __init__(
        self,
        stolen: Callable[[], float] = stolen_seconds,
        now: Callable[[], float] = time.monotonic,
        num_processors: int | None = None,
    ) -> None:
        self._stolen, self._now = stolen, now
        self._num_processors = num_processors or os.cpu_count() or 1
        self.restart()

    def watch(self) -> None:
        """Look every half second, from a thread of its own, until the process ends."""
        threading.Thread(target=self._look_on, name="stolen time", daemon=True).start()

    def restart(self) -> None:
        """Forget what was seen; a test begins."""
        self._worst = 0.0
        self._last = self._now(), self._stolen()

    def look(self) -> None:
        """Take a window into account, once it is long enough."""
        now, stolen = self._now(), self._stolen()
        passed, taken = now - self._last[0], stolen - self._last[1]
        if passed >= _WINDOW:
            self._worst = max(self._worst, taken / passed / self._num_processors)
            self._last = now, stolen

    def was_too_much(self) -> bool:
        """Return whether a test that fails now may be another's fault."""
        passed, taken = self._now() - self._last[0], self._stolen() - self._last[1]
        latest = taken / max(passed, _WINDOW) / self._num_processors
        return max(self._worst, latest) >= _TOO_MUCH

    def _look_on(self) -> None:
        while True:
            time.sleep(_WINDOW)
            self.look()
