"""Attempts that the robot, a force or a slow arm changes."""

from typing import Any

import numpy as np
import pytest

from equigrasp.devices.motion import StopReason
from equigrasp.errors import ArmStoppedError, DeviceTimeoutError
from equigrasp.primitives.outcome import Phase

Bench = Any  # test/primitives/conftest.py


@pytest.mark.parametrize("reason", [StopReason.PROTECTIVE_STOP, StopReason.LINK_LOST])
def test_a_stop_by_the_robot_during_the_descent_is_named_and_no_contact(
    bench: Bench, reason: StopReason
) -> None:
    sleep, phases = bench.cell.clock.sleep, []

    def sleep_and_trip(duration: float) -> None:
        sleep(duration)
        if phases[-1] is Phase.DESCEND:
            bench.arm.trip(reason)

    bench.cell.clock.sleep = sleep_and_trip
    with pytest.raises(ArmStoppedError) as caught:
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place, on_phase=phases.append)
    assert caught.value.reason is reason and phases[-1] is Phase.DESCEND
    with pytest.raises(ArmStoppedError) as again:
        bench.primitive.go_home()
    assert again.value.reason is reason
    bench.cell.clock.sleep = sleep
    bench.arm.recover()
    bench.primitive.go_home()


def test_a_measured_force_ends_the_descent_in_preference_to_torques(bench: Bench) -> None:
    limit = bench.cell.config.safety.contact_force
    sleep, phases, heights = bench.cell.clock.sleep, [], []

    def sleep_and_push(duration: float) -> None:
        sleep(duration)
        tcp = bench.planner.forward_kinematics(bench.arm.joint_state().positions).position
        is_touching = phases[-1] is Phase.DESCEND and tcp[2] < bench.grasp.z + 0.03
        bench.arm.force = np.array([0.0, 0.0, 5.0 + 1.01 * limit * is_touching])
        if phases[-1] is Phase.CLOSE:
            heights.append(tcp[2])

    bench.cell.clock.sleep = sleep_and_push
    bench.arm.force = np.array([0.0, 0.0, 5.0])  # an offset is not a contact
    outcome = bench.primitive.execute(
        bench.grasp, bench.workspace, bench.place, on_phase=phases.append
    )
    assert outcome.is_contact
    assert bench.grasp.z + 0.02 < heights[0] < bench.grasp.z + 0.03


def test_a_slowed_arm_is_given_its_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    start = bench.arm.start_trajectory
    monkeypatch.setattr(bench.arm, "start_trajectory", lambda t: start(t.slowed(0.1)))
    with pytest.raises(DeviceTimeoutError):  # nobody says that it is slow
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    monkeypatch.setattr(bench.arm, "speed_scaling", lambda: 0.1)
    bench.primitive.go_home()
    assert bench.primitive.execute(bench.grasp, bench.workspace, bench.place).is_success
    bench.arm.is_silent = True
    with pytest.raises(DeviceTimeoutError, match="arm did not finish"):  # and yet not for ever
        bench.primitive.go_home()
