"""What the tests of real runtimes share: a small fleet's plan, and waiting for what it does."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from equigrasp.experiments.fleet.plan import FleetPlan
from equigrasp.experiments.fleet.runtime import RoleState, Runtime
from equigrasp.learning.data_mix import DataMix

PATIENCE = 300.0  # [s], only bounds a hang
_PLAN = FleetPlan(
    parts="reach_fleet:make_parts",
    capacity=4000,
    batch_size=16,
    label_capacity=400,
    uses_per_transition=4.0,
    first_transitions=30,
    publish_every=10,
    lag=20,
    mix=DataMix(1.0, 1.0, 0),
)


def small_plan(**changes: Any) -> FleetPlan:
    """Return the plan of a fleet that learns within seconds."""
    return replace(_PLAN, **changes)


def watch_until(
    runtime: Runtime, is_so: Callable[[dict[str, RoleState]], bool]
) -> dict[str, RoleState]:
    """Watch a fleet until something is so."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        states = runtime.watch()
        if is_so(states):
            return states
    pytest.fail(f"it never came: {states}")
