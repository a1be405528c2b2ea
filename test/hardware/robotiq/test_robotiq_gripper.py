"""The driver on both transports, against the virtual gripper."""

import contextlib
import logging
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from robotiq_rig import MakeRig, Rig

from equigrasp.devices.motion import MotionState
from equigrasp.errors import CommandRejectedError, DeviceError, DeviceTimeoutError
from equigrasp.hardware.robotiq import faults
from equigrasp.virtual.robotiq.faulty_line import Mishap


def test_connecting_activates_and_says_that_the_fingers_move(
    make_rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig()
    with caplog.at_level(logging.WARNING):
        rig.driver.connect()
    assert rig.firmware.num_activations == 1
    assert "its fingers open and close" in caplog.text
    assert rig.driver.state().width == pytest.approx(0.0, abs=1e-3)


def test_an_active_gripper_is_not_activated_again(rig: Rig) -> None:
    rig.open_and_close_on(0.04)
    rig.driver.disconnect()
    rig.driver.disconnect()
    rig.driver.connect()
    assert rig.firmware.num_activations == 1
    assert rig.driver.state().width == pytest.approx(0.04, abs=1e-3)  # nothing was dropped


def test_an_activation_that_does_not_end_is_told(make_rig: MakeRig) -> None:
    rig = make_rig(activation_timeout=0.1)
    rig.fingers.is_silent = True
    with pytest.raises(DeviceTimeoutError, match=r"did not activate within 0\.1 s"):
        rig.driver.connect()


@pytest.mark.parametrize("code", [0x0A, 0x0C, 0x0D, 0x0E, 0x0F])
def test_connecting_clears_a_major_fault(rig: Rig, code: int) -> None:
    rig.driver.disconnect()
    rig.firmware.raise_fault(code)
    rig.driver.connect()
    rig.driver.start_move(0.05, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.firmware.num_activations == 2


@pytest.mark.parametrize("code", [0x08, 0x0B])
def test_connecting_leaves_alone_what_an_activation_does_not_cure(rig: Rig, code: int) -> None:
    rig.driver.disconnect()
    rig.firmware.raise_fault(code)
    with pytest.raises(DeviceError, match=f"0x{code:02X}"):
        rig.driver.connect()
    assert rig.firmware.num_activations == 1


@pytest.mark.parametrize("width", [0.085, 0.0, 0.034, 0.06])
def test_the_fingers_reach_a_width(rig: Rig, width: float) -> None:
    rig.driver.start_move(width, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.fingers.state().width == pytest.approx(width, abs=0.0002)  # half a count
    state = rig.driver.state()
    assert state.width == pytest.approx(width, abs=0.0002)
    assert not state.is_stalled


def test_speed_and_force_arrive_at_the_fingers(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float, float]] = []
    monkeypatch.setattr(rig.fingers, "start_move", lambda *values: asked.append(values))
    rig.driver.start_move(0.034, 0.046, 63.0)
    assert asked == [pytest.approx((0.034, 0.046, 63.0), abs=1e-4)]


def test_an_object_between_the_fingers_is_felt(rig: Rig) -> None:
    assert rig.open_and_close_on(0.03).state is MotionState.SUCCEEDED
    state = rig.driver.state()
    assert state.is_stalled
    assert state.width == pytest.approx(0.03, abs=0.0002)


def test_the_measured_speed_is_that_of_the_fingers(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.activate()
    rig.driver.connect()
    rig.driver.start_move(0.085, 0.02, 40.0)
    speeds = []
    for _ in range(20):
        rig.clock.skip(0.03)
        speeds.append(rig.driver.state().speed)
    assert statistics.median(speeds) == pytest.approx(0.02, rel=0.35)
    rig.clock.skip(10.0)
    rig.wait()
    rig.clock.skip(0.2)
    assert rig.driver.state().speed == 0.0


def test_a_stop_holds_the_fingers_mid_stroke(make_rig: MakeRig) -> None:
    rig = make_rig()  # 4 s of stroke are left when the stop is sent
    rig.activate()
    rig.driver.connect()
    rig.driver.start_move(0.085, 0.02, 40.0)
    while rig.driver.state().width < 0.005:
        rig.clock.skip(0.01)
    rig.driver.stop()
    assert rig.driver.motion_status().state is MotionState.STOPPED
    held = rig.driver.state().width
    assert 0.005 < held < 0.08
    rig.clock.skip(0.3)
    assert rig.driver.state().width == held
    rig.driver.start_move(0.085, 0.15, 40.0)  # the same goal again
    rig.clock.skip(1.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.driver.state().width == pytest.approx(0.085)


def test_a_stop_keeps_a_grip_that_has_begun(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.15, 40.0)
    rig.wait()
    rig.fingers.object_width = 0.05
    rig.driver.start_move(0.0, 0.15, 40.0)
    rig.clock.skip(0.6)
    rig.driver.stop()
    assert rig.driver.motion_status().state is MotionState.SUCCEEDED
    assert rig.driver.state().is_stalled


def test_a_stop_before_connecting_or_without_a_motion_is_harmless(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.driver.stop()
    rig.driver.connect()
    rig.driver.stop()
    assert rig.driver.motion_status().state is MotionState.IDLE


def test_a_new_goal_replaces_the_running_one(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.02, 40.0)
    rig.clock.skip(0.2)
    rig.driver.start_move(0.01, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.driver.state().width == pytest.approx(0.01, abs=0.0002)


def test_a_link_lost_mid_move_ends_the_motion_and_comes_back(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.02, 40.0)
    rig.server.unplug()
    status = rig.wait()
    assert status.state is MotionState.FAULT
    assert "server" in status.message or "port" in status.message
    with pytest.raises(DeviceTimeoutError):
        rig.driver.state()
    with pytest.raises(DeviceTimeoutError):
        rig.driver.start_move(0.05, 0.15, 40.0)
    rig.driver.stop()  # never raises
    rig.server.plug()
    rig.driver.start_move(0.03, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.driver.state().width == pytest.approx(0.03, abs=0.0002)
    assert rig.firmware.num_activations == 1


def test_a_stop_reaches_the_fingers_as_soon_as_the_link_is_back(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.02, 40.0)
    rig.server.unplug()
    assert rig.wait().state is MotionState.FAULT
    rig.server.plug()
    rig.driver.stop()
    assert not rig.fingers.motion_status().is_active


def test_a_link_that_breaks_for_a_moment_does_no_harm(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.1, 40.0)
    rig.server.unplug()
    rig.server.plug()
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.driver.state().width == pytest.approx(0.085)


@pytest.mark.parametrize("mishap", Mishap)
def test_one_spoilt_answer_is_asked_for_again(rig: Rig, mishap: Mishap) -> None:
    rig.server.line.spoil(mishap, times=1)
    rig.driver.start_move(0.05, 0.15, 40.0)
    rig.server.line.spoil(mishap, times=1)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.driver.state().width == pytest.approx(0.05, abs=0.0002)


@pytest.mark.parametrize("mishap", [Mishap.SILENCE, Mishap.CUT, Mishap.NOISE])
def test_answers_that_stay_spoilt_end_the_motion_in_bounded_time(
    rig: Rig, mishap: Mishap, wall_clock: Any
) -> None:
    rig.driver.start_move(0.085, 0.02, 40.0)
    rig.server.line.spoil(mishap)
    with wall_clock.within(1.0):
        assert rig.driver.motion_status().state is MotionState.FAULT
    rig.server.line.spoil(mishap, times=0)
    rig.driver.start_move(0.02, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED


def test_late_answers_are_not_taken_for_those_to_a_later_goal(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.15, 40.0)
    rig.wait()
    rig.server.line.spoil(Mishap.DELAY, times=2)
    with contextlib.suppress(DeviceTimeoutError):
        rig.driver.state()
    rig.driver.start_move(0.02, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.fingers.state().width == pytest.approx(0.02, abs=0.0002)


@pytest.mark.parametrize("code", sorted(faults.FAULTS))
def test_every_fault_ends_a_motion_and_is_named(rig: Rig, code: int) -> None:
    rig.driver.start_move(0.085, 0.02, 40.0)
    rig.firmware.raise_fault(code)
    status = rig.wait()
    assert status.state is MotionState.FAULT
    assert faults.describe(code) == status.message
    with pytest.raises(DeviceError, match=f"0x{code:02X}, "):
        rig.driver.start_move(0.05, 0.15, 40.0)


def test_lost_power_is_told_and_connecting_activates_again(rig: Rig) -> None:
    rig.firmware.switch_off_and_on()
    with pytest.raises(DeviceError, match="not activated"):
        rig.driver.start_move(0.05, 0.15, 40.0)
    rig.driver.disconnect()
    rig.driver.connect()
    rig.driver.start_move(0.05, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED


def test_fingers_that_never_arrive_are_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("equigrasp.hardware.robotiq.gripper._MOTION_TIMEOUT", -0.5)
    rig.fingers.is_silent = True
    rig.driver.start_move(0.085, 0.15, 40.0)
    status = rig.wait()
    assert status.state is MotionState.FAULT
    assert "did not reach 3 counts in time" in status.message


def test_end_stops_are_measured_where_they_are(make_rig: MakeRig) -> None:
    rig = make_rig(true_closed_counts=221, use_auto_calibration=True)
    rig.driver.connect()
    rig.driver.start_move(0.0425, 0.15, 40.0)
    rig.wait()
    assert rig.fingers.state().width == pytest.approx(0.0425, abs=0.0002)


def test_without_measuring_other_end_stops_shift_the_width(make_rig: MakeRig) -> None:
    rig = make_rig(true_closed_counts=221)
    rig.driver.connect()
    rig.driver.start_move(0.0425, 0.15, 40.0)
    rig.wait()
    # 116 counts of 3 to 230 are asked for; of 3 to 221 they are 105 / 218 of the stroke.
    assert rig.fingers.state().width == pytest.approx(105 / 218 * 0.085, abs=1e-5)


def test_configured_end_stops_are_used(make_rig: MakeRig) -> None:
    rig = make_rig(true_closed_counts=221, open_counts=13, closed_counts=221)
    rig.activate()
    rig.driver.connect()
    assert rig.driver.state().width == 0.0
    rig.driver.start_move(0.085, 0.15, 40.0)
    rig.wait()
    assert rig.firmware.command.position == 13
    assert rig.driver.state().width == 0.085


def test_an_object_in_the_fingers_ends_the_measurement(make_rig: MakeRig) -> None:
    rig = make_rig(use_auto_calibration=True)
    rig.fingers.object_width = 0.02
    with pytest.raises(DeviceError, match="Take it out from between the fingers"):
        rig.driver.connect()


def test_end_stops_that_fingers_cannot_have_are_refused(make_rig: MakeRig) -> None:
    rig = make_rig(true_closed_counts=150, use_auto_calibration=True)
    with pytest.raises(DeviceError, match="measured at 3 and 150 counts"):
        rig.driver.connect()


def test_a_failed_connection_leaves_the_link_closed(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.firmware.raise_fault(0x08)
    num_files = _num_open_files()
    with pytest.raises(DeviceError, match="0x08"):
        rig.driver.connect()
    deadline = time.monotonic() + 60.0
    while _num_open_files() > num_files:  # the server lets go of its end a little later
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_two_threads_share_one_gripper(rig: Rig) -> None:
    errors: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(20):
                rig.driver.state()
        except DeviceError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    rig.driver.start_move(0.085, 0.1, 40.0)
    for thread in threads:
        thread.start()
    assert rig.wait().state is MotionState.SUCCEEDED
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize(
    "values",
    [
        (0.0851, 0.1, 40.0),
        (-0.001, 0.1, 40.0),
        (0.05, 0.019, 40.0),
        (0.05, 0.151, 40.0),
        (0.05, 0.1, 19.0),
        (0.05, 0.1, 236.0),
        (float("nan"), 0.1, 40.0),
    ],
)
def test_what_is_out_of_range_is_refused_before_a_byte_is_sent(
    rig: Rig, values: tuple[float, float, float]
) -> None:
    rig.server.unplug()  # whoever speaks now fails otherwise
    with pytest.raises(CommandRejectedError):
        rig.driver.start_move(*values)
    rig.server.plug()
    assert rig.driver.motion_status().state is MotionState.IDLE


def _num_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_fingers_that_cannot_open_are_a_fault(rig: Rig) -> None:
    rig.driver.start_move(0.03, 0.15, 40.0)
    rig.wait()
    rig.firmware.block()
    rig.driver.start_move(0.085, 0.15, 40.0)
    status = rig.wait()
    assert status.state is MotionState.FAULT and "are they blocked?" in status.message
    rig.firmware.unblock()
    rig.driver.start_move(0.085, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED


def test_fingers_that_cannot_close_have_met_something(rig: Rig) -> None:
    rig.driver.start_move(0.085, 0.15, 40.0)
    rig.wait()
    rig.firmware.block()
    rig.driver.start_move(0.0, 0.15, 40.0)
    assert rig.wait().state is MotionState.SUCCEEDED
    assert rig.driver.state().is_stalled
    assert rig.driver.state().width == pytest.approx(0.085)
