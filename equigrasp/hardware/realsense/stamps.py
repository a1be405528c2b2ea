"""From a frame's own time to the wall clock that ROS uses."""

from equigrasp.errors import DeviceError

_DRIFT = 1e-4  # how much faster than this machine's a camera's own clock may run
_JUMP = 1.0  # [s] off at which either clock was set anew


class StampClock:
    """Maps timestamps of librealsense to the wall clock.

    `global_time` is the camera's clock brought to this machine's by librealsense, and is taken as
    it is. `system_time` is the time of arrival. `hardware_clock` counts from the camera's start:
    the fastest frame so far tells the offset. An arrival is at least a frame period later than
    the exposure, by assumption: the images have been read out and sent.

    Args:
        period: Time between two frames [s].
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._offset: float | None = None
        self._last = 0.0

    def unix_time(self, timestamp_ms: float, domain: str, arrived: float) -> float:
        """Return the time of acquisition [unix s].

        Args:
            timestamp_ms: Frame's timestamp [ms].
            domain: Name of its domain in the library.
            arrived: When it arrived [unix s].
        """
        timestamp = timestamp_ms * 1e-3
        if domain == "global_time":
            return timestamp
        if domain == "system_time":
            return timestamp - self._period
        if domain != "hardware_clock":
            raise DeviceError(
                f"Unknown timestamp domain '{domain}'."
                " Known: global_time, hardware_clock, system_time."
            )
        offset = arrived - timestamp
        if self._offset is None or abs(offset - self._offset) > _JUMP:
            self._offset = offset
        else:
            allowed = self._offset + _DRIFT * max(0.0, timestamp - self._last)
            self._offset = min(allowed, offset)
        self._last = timestamp
        return timestamp + self._offset - self._period
