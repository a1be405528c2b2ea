"""A trajectory that waits for its time, while somebody sets the clock."""

import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402

from equigrasp.ros.drivers import start_time  # noqa: E402
from equigrasp.ros.drivers.start_time import StartTime, TooLateError  # noqa: E402


class _Clock:
    """Passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, jump: float = 0.0) -> None:
        self.time, self._jump, self._num_sleeps = 100.0, jump, 0
        monkeypatch.setattr(start_time.time, "sleep", self._sleep)

    def _sleep(self, duration: float) -> None:
        self._num_sleeps += 1
        assert self._num_sleeps < 1000, "waits for ever"
        self.time += duration + (self._jump if self._num_sleeps == 10 else 0.0)

    def start(self) -> StartTime:
        return StartTime(Time(sec=102), 5.0, lambda: self.time)


def test_a_start_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    start = clock.start()
    start.wait(lambda: False)
    assert clock.time == pytest.approx(102.0, abs=0.01)


@pytest.mark.parametrize("jump", [-1000.0, -3.0, 3.0, 1000.0])
def test_a_start_by_a_clock_that_was_set_is_none(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = _Clock(monkeypatch, jump).start()
    with pytest.raises(TooLateError, match=f"set by \\{jump:+.1f} s while"):
        start.wait(lambda: False)


def test_a_start_that_a_person_let_pass_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    start = clock.start()
    clock.time = 130.0
    start.wait(lambda: False)
    assert clock.time == 130.0
