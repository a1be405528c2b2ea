"""Tells new frames from those of a frozen camera, and says why none is fresh enough."""

import time

from equigrasp.hardware.realsense.pipeline import Arrival


class Freshness:
    """Follows a camera's frame numbers, also across reconnections.

    A camera that hangs either falls silent or sends its last frame again and again, as its number
    tells. (That pixels stay the same proves nothing: a simulated camera has no noise.)
    """

    def __init__(self) -> None:
        self._last: Arrival | None = None
        self._num_repeats = 0
        self._since = time.monotonic()

    def restart(self) -> None:
        """Begin to wait anew, after a reconnection."""
        self._since = time.monotonic()

    @property
    def silence(self) -> float:
        """Time since the last new frame, or since `restart` [s]."""
        return time.monotonic() - self._since

    def is_new(self, arrival: Arrival) -> bool:
        """Take note of a pair of images; return whether both are others than in the last pair.

        The library completes a pair whose other half is late or lost with the last one that came.
        """
        last = self._last
        if last and any(a == b for a, b in zip(arrival.numbers, last.numbers, strict=True)):
            self._num_repeats += 1
            return False
        self._last, self._num_repeats, self._since = arrival, 0, arrival.arrived
        return True

    def explain(self, asked: float) -> str:
        """Return why nothing fresh came since a wall-clock time [unix s]."""
        if self._last is None:
            return "none has come so far"
        if self._num_repeats:
            return (
                f"it is frozen: frame {self._last.numbers[0]} came {self._num_repeats} times again"
                f" in {self.silence:.1f} s"
            )
        if self.silence > 0.5:
            return f"the last one, {self._last.numbers[0]}, came {self.silence:.1f} s ago"
        return (
            f"the newest, {self._last.numbers[0]}, was taken {asked - self._last.stamp:.2f} s before it"
            " was asked for: frames are late, or the camera's clock differs from this machine's"
        )
