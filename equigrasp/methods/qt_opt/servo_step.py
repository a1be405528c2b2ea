"""Steps of the closed loop as the log holds them: what is seen, and motions in the frame of the network."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np

from equigrasp.errors import PerceptionError, ReplayError
from equigrasp.geometry.actions import GripperCommand, GripperStep
from equigrasp.geometry.workspace import Workspace
from equigrasp.methods.qt_opt.config import Frame, NetworkConfig, QtOptConfig
from equigrasp.perception.observation import GRIPPER, Observation
from equigrasp.perception.servo_observation import (
    AGE,
    BOUNDS,
    HEIGHTS,
    NUM_GRIPPER_VALUES,
    PICTURE,
    TCP,
)
from equigrasp.replay.step import Arrays, ArraySpec, ExperienceSpec

MOTION = "motion"  # float32 (4,): dx, dy, dz [m], dpsi [rad], as it was carried out
ASKED = "asked"  # the same, as the policy wanted it
COMMAND = "gripper"  # uint8 (1,): number in COMMANDS
IS_FINAL = "is_final"  # uint8 (1,)
COMMANDS: tuple[GripperCommand, ...] = get_args(GripperCommand)

_SEEN = (HEIGHTS, AGE, PICTURE, GRIPPER, BOUNDS, TCP)
_SUCCESS = 1.0


def observation_spec(network: NetworkConfig) -> dict[str, ArraySpec]:
    """Return what is seen: the scene, the state of the gripper, and how far it may move."""
    size = network.stored_px
    scene = {
        HEIGHTS: ArraySpec((size, size), "uint16", "zlib", "0.1 mm"),
        AGE: ArraySpec((size, size), "uint8", "zlib", "0.1 s"),
    }
    if network.observation == "color":
        scene = {PICTURE: ArraySpec((*network.camera_px, 3), "uint8", "png")}
    return scene | {
        GRIPPER: ArraySpec((NUM_GRIPPER_VALUES,), "float32"),
        BOUNDS: ArraySpec((2, 4), "float32", unit="m, m, m, rad"),
        TCP: ArraySpec((4,), "float64", unit="m, m, m, rad"),
    }


def make_spec(config: QtOptConfig, workspace: Workspace) -> ExperienceSpec:
    """Return what the steps hold: what is seen, and the motion.

    The reward is minus the penalty at each step before the end; there 1 for a success, else 0.
    """
    motion = ArraySpec((4,), "float32", unit="m, m, m, rad")
    return ExperienceSpec(
        observation=observation_spec(config.network),
        action={
            MOTION: motion,
            ASKED: motion,
            COMMAND: ArraySpec((1,), "uint8", low=0, high=len(COMMANDS) - 1),
            IS_FINAL: ArraySpec((1,), "uint8", low=0, high=1),
        },
        reward_range=(-config.action.step_penalty, _SUCCESS),
    )


def encode(observation: Observation) -> Arrays:
    """Return what steps hold of an observation: its arrays as they are, those that are not the loop's left out."""
    return {name: observation.arrays[name] for name in _SEEN if name in observation.arrays}


def check_seen(network: NetworkConfig, arrays: Arrays) -> None:
    """Raise `PerceptionError`, naming array and value, unless arrays are what the policy needs to see."""
    for name, spec in observation_spec(network).items():
        if name not in arrays:
            held = ", ".join(sorted(arrays)) or "nothing"
            raise PerceptionError(f"QT-Opt needs '{name}'; the observation holds {held}.")
        try:
            spec.check(name, arrays[name])
        except ReplayError as error:
            raise PerceptionError(f"QT-Opt cannot use what it sees: {error}") from error


def encode_motion(motion: np.ndarray, command: int, is_final: bool) -> dict[str, np.ndarray]:
    """Return an action as the log holds it, carried out as it was asked for.

    Args:
        motion: dx, dy, dz [m], dpsi [rad] in the frame of the network, shape (4,).
        command: To the fingers, number in `COMMANDS`.
        is_final: Whether the episode ends with it.
    """
    asked = np.asarray(motion, np.float32)
    return {
        MOTION: asked,
        ASKED: asked.copy(),
        COMMAND: np.array([command], np.uint8),
        IS_FINAL: np.array([is_final], np.uint8),
    }


def encode_action(step: GripperStep, yaw: float, frame: Frame) -> dict[str, np.ndarray]:
    """Return a step of the gripper as the log holds it; see `encode_motion`.

    Args:
        step: In the base frame.
        yaw: Of the TCP about base +z [rad].
        frame: Axes that motions are told in.
    """
    command = COMMANDS.index(step.gripper)
    return encode_motion(_motion(step, yaw, frame), command, step.is_final)


def with_executed(
    config: QtOptConfig, observation: Arrays, encoded: Arrays, executed: GripperStep
) -> Arrays:
    """Return an encoded action with the step that was carried out in its place; asked is what it was.

    Args:
        config: Names the frame.
        observation: What the action was chosen on, as `encode` returns it.
        encoded: The action as it was chosen.
        executed: In the base frame.
    """
    yaw = float(observation[TCP][3])
    return {**encode_action(executed, yaw, config.network.frame), ASKED: encoded[ASKED]}


def decode_action(encoded: Arrays, yaw: float, frame: Frame) -> GripperStep:
    """Return the step of the gripper that an encoded action stands for; see `encode_action`."""
    dx, dy, dz, dpsi = (float(v) for v in encoded[MOTION])
    x, y = _turned(dx, dy, yaw if frame == "gripper" else 0.0)
    return GripperStep(
        (x, y, dz), dpsi, COMMANDS[int(encoded[COMMAND][0])], bool(encoded[IS_FINAL][0])
    )


def foreign_spec(config: QtOptConfig, workspace: Workspace) -> ExperienceSpec:
    """Return what steps of other runs must be: their penalty may be another one."""
    return replace(make_spec(config, workspace), reward_range=(-_SUCCESS, _SUCCESS))


def is_success(reward: float) -> bool:
    """Return whether the reward of an episode's last step is that of a success."""
    return reward > 0.5 * _SUCCESS


def _motion(step: GripperStep, yaw: float, frame: Frame) -> np.ndarray:
    dx, dy, dz = step.d_position
    x, y = _turned(dx, dy, -yaw if frame == "gripper" else 0.0)
    return np.array([x, y, dz, step.d_theta], np.float32)


def _turned(x: float, y: float, angle: float) -> tuple[float, float]:
    c, s = math.cos(angle), math.sin(angle)
    return c * x - s * y, s * x + c * y
