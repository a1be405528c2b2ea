"""Every clock of librealsense is brought to the wall clock."""

import pytest

from equigrasp.errors import DeviceError
from equigrasp.hardware.realsense.stamps import StampClock

NOW = 1.7e9  # [unix s]
PERIOD = 1 / 30


def test_global_time_is_taken_as_it_is() -> None:
    assert StampClock(PERIOD).unix_time((NOW - 0.05) * 1e3, "global_time", NOW) == pytest.approx(
        NOW - 0.05, abs=1e-6
    )


def test_the_time_of_arrival_is_later_than_that_of_acquisition() -> None:
    stamp = StampClock(PERIOD).unix_time(NOW * 1e3, "system_time", NOW + 0.001)
    assert stamp == pytest.approx(NOW - PERIOD, abs=1e-6)


def test_the_camera_s_own_clock_is_set_by_the_fastest_frame() -> None:
    clock = StampClock(PERIOD)
    delays = [0.09, 0.04, 0.12, 0.05]  # [s] on the way
    stamps = []
    for i, delay in enumerate(delays):
        taken = 100.0 + i * PERIOD  # by the camera's clock
        stamps.append(clock.unix_time(taken * 1e3, "hardware_clock", NOW + taken + delay))
    for i in (1, 2, 3):
        assert stamps[i] == pytest.approx(NOW + 100.0 + i * PERIOD + 0.04 - PERIOD, abs=1e-4)


def test_a_camera_that_counts_anew_is_followed() -> None:
    clock = StampClock(PERIOD)
    clock.unix_time(500e3, "hardware_clock", NOW)
    again = clock.unix_time(1e3, "hardware_clock", NOW + 10.0)
    assert again == pytest.approx(NOW + 10.0 - PERIOD, abs=1e-6)


def test_a_slow_clock_of_the_camera_is_followed() -> None:
    clock = StampClock(PERIOD)
    for second in range(3600):
        taken = second * (1.0 - 5e-5)
        stamp = clock.unix_time(taken * 1e3, "hardware_clock", NOW + second)
    assert stamp == pytest.approx(NOW + 3599 - PERIOD, abs=1e-3)


def test_an_unknown_clock_is_refused() -> None:
    with pytest.raises(DeviceError, match="'lunar'. Known: global_time"):
        StampClock(PERIOD).unix_time(0.0, "lunar", NOW)
