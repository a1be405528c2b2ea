"""Made-up observations and episodes of the closed loop."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.workspace import Workspace
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.servo_step import encode, encode_action
from equigrasp.perception.observation import GRIPPER, Observation
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    PICTURE,
    TCP,
    GripperStatus,
    pack_ages,
    pack_bounds,
    pack_heights,
)
from equigrasp.replay.step import Step

WORKSPACE = Workspace("table", 0.45, 0.0)


def observe(
    config: QtOptConfig,
    seed: int,
    *,
    height: float = 0.08,
    is_closed: bool = False,
    yaw: float = 0.0,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Observation:
    """Return an observation of boxes; its bounds are shares of the largest step."""
    rng, network = np.random.default_rng(seed), config.network
    size = network.stored_px
    heights = np.zeros((size, size))
    for _ in range(3):
        row, col = rng.integers(0, size - 6, 2)
        heights[row : row + 6, col : col + 6] = rng.uniform(0.02, 0.08)
    ages = rng.choice([0.0, 0.4, np.inf], (size, size))
    scene: Mapping[str, Any] = {HEIGHTS: pack_heights(heights), AGE: pack_ages(ages)}
    if network.observation == "color":
        scene = {PICTURE: rng.integers(0, 255, (*network.camera_px, 3)).astype(np.uint8)}
    largest = np.array(config.action.largest_step)
    told = {
        GRIPPER: GripperStatus(height, 0.05, is_closed, is_closed, 0.5).array,
        BOUNDS: pack_bounds(bounds[0] * largest, bounds[1] * largest),
        TCP: np.array([0.45, 0.0, height, yaw]),
    }
    return Observation(scene | told, WORKSPACE)


def make_step(
    config: QtOptConfig,
    index: int,
    episode: int,
    *,
    is_terminal: bool = False,
    is_truncated: bool = False,
    is_success: bool = False,
) -> Step:
    """Return a step of a run; what is seen and done depends on its index alone."""
    rng = np.random.default_rng([4, index])
    motion = rng.uniform(-1.0, 1.0, 4) * np.array(config.action.largest_step)
    command = ("none", "open", "close")[int(rng.integers(3))]
    action = GripperStep((motion[0], motion[1], motion[2]), motion[3], command, is_terminal)  # type: ignore[arg-type]
    reward = float(is_success) if is_terminal else -config.action.step_penalty
    seen = encode(observe(config, index, is_closed=bool(index % 3)))
    return Step(
        index,
        episode,
        seen,
        encode_action(action, 0.0, config.network.frame),
        reward,
        0.0 if is_terminal else config.action.discount,
        is_truncated,
    )


def make_run(config: QtOptConfig, num_steps: int, length: int = 4) -> list[Step]:
    """Return a run of episodes of some length, each second one a success."""
    return [
        make_step(
            config,
            index,
            index // length,
            is_terminal=index % length == length - 1,
            is_success=bool(index // length % 2),
        )
        for index in range(num_steps)
    ]
