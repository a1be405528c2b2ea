"""A line that spoils answers on demand."""

import enum
import threading

DELAY = 0.3  # [s] of a late answer: longer than the driver waits unless told otherwise


class Mishap(enum.Enum):
    """What can become of an answer on its way."""

    SILENCE = "silence"  # it never comes
    DELAY = "delay"  # it comes too late
    CUT = "cut"  # only its first half comes
    NOISE = "noise"  # it comes garbled


class FaultyLine:
    """Passes answers on as they are, until told otherwise; may be used from several threads."""

    def __init__(self) -> None:
        self._mishap: Mishap | None = None
        self._remaining = 0
        self._closed = threading.Event()

    def spoil(self, mishap: Mishap, times: int = 1_000_000) -> None:
        """Have the next answers go wrong, `times` of them; 0 heals the line."""
        self._mishap, self._remaining = mishap, times

    def carry(self, answer: bytes) -> bytes:
        """Return what arrives of an answer; blocks while it is late."""
        if self._mishap is None or self._remaining <= 0 or not answer:
            return answer
        self._remaining -= 1
        if self._mishap is Mishap.SILENCE:
            return b""
        if self._mishap is Mishap.CUT:
            return answer[: len(answer) // 2]
        if self._mishap is Mishap.NOISE:
            return bytes(byte ^ 0x55 for byte in answer[:-1]) + answer[-1:]
        self._closed.wait(DELAY)
        return answer

    def close(self) -> None:
        """Wake whoever waits for a late answer."""
        self._closed.set()
