"""Attempts during which somebody sets the clock by which the devices stamp what they measure."""

from typing import Any

import numpy as np
import pytest

from equigrasp.errors import DeviceTimeoutError
from equigrasp.primitives.outcome import Phase

Bench = Any  # test/primitives/conftest.py
HOUR = 3600.0
PHASES = (Phase.PLANNING, Phase.PRE_GRASP, Phase.DESCEND, Phase.CLOSE, Phase.LIFT, Phase.PLACE)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
@pytest.mark.parametrize("phase", PHASES)
def test_an_attempt_outlives_a_jump_of_the_clock_in_any_phase(
    bench: Bench, phase: Phase, jump: float
) -> None:
    def set_clock(entered: Phase) -> None:
        if entered is phase:
            bench.cell.clock.jump = jump

    undisturbed = bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    bench.primitive.go_home()
    outcome = bench.primitive.execute(
        bench.grasp, bench.workspace, bench.place, on_phase=set_clock
    )
    assert outcome.is_success
    assert outcome.duration == pytest.approx(undisturbed.duration, abs=0.6)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_contact_still_stops_a_descent_during_which_the_clock_was_set(
    bench: Bench, jump: float
) -> None:
    limit = bench.cell.config.safety.contact_force
    sleep, phases, heights = bench.cell.clock.sleep, [], []

    def sleep_and_push(duration: float) -> None:
        sleep(duration)
        tcp = bench.planner.forward_kinematics(bench.arm.joint_state().positions).position
        if phases[-1] is Phase.DESCEND:
            bench.cell.clock.jump = jump
            is_touching = tcp[2] < bench.grasp.z + 0.03
            bench.arm.force = np.array([0.0, 0.0, 1.01 * limit * is_touching])
        if phases[-1] is Phase.CLOSE:
            heights.append(tcp[2])

    bench.cell.clock.sleep = sleep_and_push
    bench.arm.force = np.zeros(3)
    outcome = bench.primitive.execute(
        bench.grasp, bench.workspace, bench.place, on_phase=phases.append
    )
    assert outcome.is_contact
    assert heights[0] > bench.grasp.z + 0.02


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_waits_stay_bounded_when_the_clock_is_set(bench: Bench, jump: float) -> None:
    sleep = bench.cell.clock.sleep
    bench.arm.is_silent = True

    def sleep_and_jump(duration: float) -> None:
        sleep(duration)
        bench.cell.clock.jump += jump

    bench.cell.clock.sleep = sleep_and_jump
    began = bench.cell.clock.now()
    with pytest.raises(DeviceTimeoutError, match="did not finish"):
        bench.primitive.execute(bench.grasp, bench.workspace, bench.place)
    assert 1.0 < bench.cell.clock.now() - began < 12.0
