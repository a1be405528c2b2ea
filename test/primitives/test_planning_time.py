"""What planning an attempt costs the computer."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from equigrasp.primitives.pick_planner import PickPlan

Bench = Any  # test/primitives/conftest.py


@pytest.mark.timing
def test_a_whole_attempt_is_planned_in_bounded_computing_time(bench: Bench) -> None:
    start = bench.arm.joint_state().positions

    def seconds(action: Callable[[], object]) -> float:
        began = time.process_time()  # of all threads: those that a library leaves spinning count
        action()
        return time.process_time() - began

    def forward_200() -> None:
        for _ in range(200):
            bench.planner.forward_kinematics(start)

    def plan() -> PickPlan:
        return bench.primitive._attempts.plan(bench.grasp, bench.workspace, bench.place, start)

    yardstick, spent = (
        statistics.median(seconds(f) for _ in range(5)) for f in (forward_200, plan)
    )
    assert spent < 25 * yardstick  # about 15
    assert spent < 0.15  # about 0.055 on a slow processor
