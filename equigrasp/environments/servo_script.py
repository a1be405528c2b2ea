"""Scripts that grasp in closed loop: what an untrained policy learns from at first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from equigrasp.environments.oracle import OracleConfig
from equigrasp.environments.servo_task import ServoTask
from equigrasp.errors import ConfigError
from equigrasp.geometry.actions import GripperCommand, GripperStep, PlanarGrasp
from equigrasp.geometry.gripper_frame import to_base_frame, to_gripper_frame
from equigrasp.perception.grasp_height import HandGeometry, grasp_height
from equigrasp.perception.grasp_rating import rate_grasps
from equigrasp.perception.observation import Observation
from equigrasp.perception.servo_observation import BOUNDS, GripperStatus, tcp_of

_NEAR_FLOOR = 0.005  # [m] of room below from which on a descent has ended
_ALIGNED = (
    0.010,
    0.15,
)  # [m], [rad] to the place of a grasp from which on the hand goes down all the way
_HOVER = 0.05  # [m] over a grasp at which the hand comes across, and …
_CROSSING = 0.12  # … over the floor, at least [m]
_CHANGED = (0.01, 0.25)  # [m], share of cells about a target that differ by more: something moved
_ABOUT_PX = 10  # each way about a target
_NUM_PLACES, _NUM_YAWS = 40, 8  # of grasps that are rated
_YAWS = np.arange(_NUM_YAWS) * np.pi / _NUM_YAWS
_RISE = 0.055  # [m] a step
_FRESH_YAWS = np.array([0.0, np.pi, -np.pi])


class ServoScript(Protocol):
    """Chooses steps; at the first of an episode it forgets the one before."""

    def choose(self, observation: Observation, rng: np.random.Generator) -> GripperStep:
        """Return the next step."""
        ...


class UniformScript:
    """Where the hand begins it goes down, closes and comes up: the script of QT-Opt (Kalashnikov et al. 2018).

    Args:
        task: Says how far a step goes, and when an episode may end.
    """

    def __init__(self, task: ServoTask) -> None:
        self._task = task

    def choose(self, observation: Observation, rng: np.random.Generator) -> GripperStep:
        """Return the next step: of random length downwards, or upwards once the fingers are closed."""
        status, (lowest, _) = GripperStatus.of(observation), observation.arrays[BOUNDS]
        length = float(rng.uniform(0.5, 1.0)) * self._task.largest_step[2]
        if status.is_closed:
            return _rise(status, self._task, length)
        if lowest[2] > -_NEAR_FLOOR:
            return GripperStep((0.0, 0.0, 0.0), 0.0, "close")
        return GripperStep((0.0, 0.0, -length), 0.0)


class AimedScript:
    """Goes where the heuristic would grasp, by the heights as remembered.

    The best of some grasps drawn at random on objects is the target of an episode. It is chosen anew where the
    heights about it change.

    Args:
        task: As of `UniformScript`.
    """

    def __init__(self, task: ServoTask) -> None:
        self._task, self._hand = task, OracleConfig()
        self._target: PlanarGrasp | None = None
        self._about = np.zeros((0, 0), np.float32)

    def choose(self, observation: Observation, rng: np.random.Generator) -> GripperStep:
        """Return the next step towards the target; without one, as the uniform script."""
        status = GripperStatus.of(observation)
        if status.is_closed:
            return _rise(status, self._task, _RISE)
        if status.steps_left == 1.0 or self._has_moved(observation):
            self._target = self._aim(observation, rng)
            if self._target is not None:
                self._about = _heights_about(self._target, observation)
        if self._target is None:
            return UniformScript(self._task).choose(observation, rng)
        return self._approach(self._target, observation)

    def _approach(self, grasp: PlanarGrasp, observation: Observation) -> GripperStep:
        x, y, z, yaw = tcp_of(observation)
        turn = _nearest_turn(grasp.theta - yaw, observation)
        across = float(np.hypot(grasp.x - x, grasp.y - y))
        is_aligned = across < _ALIGNED[0] and abs(turn) < _ALIGNED[1]
        crossing = max(grasp.z + _HOVER, observation.workspace.floor_z + _CROSSING)
        down = grasp.z - z if is_aligned else min(0.0, crossing - z)
        motion = np.array([grasp.x - x, grasp.y - y, down, turn])
        held = within_bounds(motion, observation, self._task)
        lowest = observation.arrays[BOUNDS][0]
        is_there = held[2] == down or lowest[2] > -_NEAR_FLOOR
        return _step(held, "close" if is_aligned and is_there else "none")

    def _has_moved(self, observation: Observation) -> bool:
        if self._target is None:
            return True
        change = np.abs(_heights_about(self._target, observation) - self._about)
        return float((change > _CHANGED[0]).mean()) > _CHANGED[1]

    def _aim(self, observation: Observation, rng: np.random.Generator) -> PlanarGrasp | None:
        """Return the best of some grasps drawn at random; None where nothing would be held."""
        heights, workspace, hand = observation.heightmap, observation.workspace, self._hand
        border = workspace.border_px
        inner = heights[border:-border, border:-border] if border else heights
        pixels = np.argwhere(inner > hand.height_threshold) + border
        if not len(pixels):
            return None
        drawn = np.repeat(pixels[rng.integers(len(pixels), size=_NUM_PLACES)], _NUM_YAWS, axis=0)
        yaws = np.tile(rng.uniform(0.0, np.pi / _NUM_YAWS) + _YAWS, _NUM_PLACES)
        geometry = HandGeometry(hand.finger_depth, hand.edge_depth, hand.wall_depth)
        rows, cols = drawn.T
        height = grasp_height(heights, rows, cols, yaws, hand.width, geometry, workspace)
        scores = rate_grasps(
            heights,
            drawn,
            yaws,
            pixel_size=workspace.pixel_size,
            height=height,
            width=hand.width,
        )
        rated = [-np.inf if score is None else score for score in scores]
        best = int(np.argmax(rated))
        if not np.isfinite(rated[best]):
            return None
        x, y = workspace.pixel_to_xy(*(int(v) for v in drawn[best]))
        z = workspace.floor_z + float(height[best])
        return PlanarGrasp(x, y, z, float(yaws[best]), hand.width)


@dataclass(frozen=True)
class Noise:
    """How a script is disturbed: π_noisy (QT-Opt, appendix B).

    Args:
        epsilon: Share of steps that are disturbed, in [0, 1].
        deviation: Of a random motion, in units of the largest step.
        motion_share: Share of disturbances that are a random motion …
        gripper_share: … that open or close the fingers; what remains asks for the end.

    Raises:
        ConfigError: if a share is none.
    """

    epsilon: float = 0.2
    deviation: float = 0.6
    motion_share: float = 0.75
    gripper_share: float = 0.17

    def __post_init__(self) -> None:
        for key in ("epsilon", "motion_share", "gripper_share"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise ConfigError(f"{key} must be in [0, 1], found {getattr(self, key)}.")
        if self.motion_share + self.gripper_share > 1.0 + 1e-9:
            raise ConfigError("motion_share and gripper_share must not exceed 1 together.")


class NoisyScript:
    """A script, some of whose steps are disturbed.

    Args:
        script: Chooses.
        task: Of both.
        noise: How it is disturbed.
    """

    def __init__(self, script: ServoScript, task: ServoTask, noise: Noise | None = None) -> None:
        self._script, self._task, self._noise = script, task, noise or Noise()

    def choose(self, observation: Observation, rng: np.random.Generator) -> GripperStep:
        """Return the script's step, or a random motion, a toggle of the fingers, or the end."""
        chosen = self._script.choose(observation, rng)
        noise = self._noise
        if rng.random() >= noise.epsilon:
            return chosen
        kind = rng.random()
        if kind < noise.motion_share:
            frame_yaw = _frame_yaw(observation, self._task)
            motion = rng.normal(0.0, noise.deviation, 4) * self._task.largest
            motion = np.clip(motion, -self._task.largest, self._task.largest)
            held = within_bounds(to_base_frame(motion, frame_yaw), observation, self._task)
            return _step(held, "none")
        if kind < noise.motion_share + noise.gripper_share:
            is_closed = GripperStatus.of(observation).is_closed
            return GripperStep(chosen.d_position, chosen.d_theta, "open" if is_closed else "close")
        return GripperStep(chosen.d_position, chosen.d_theta, "none", is_final=True)


class MixedScript:
    """Some scripts, of which one is drawn for each episode.

    Args:
        scripts: All equally likely.
    """

    def __init__(self, scripts: Sequence[ServoScript]) -> None:
        self._scripts, self._present = scripts, scripts[0]

    def choose(self, observation: Observation, rng: np.random.Generator) -> GripperStep:
        """Return the next step of the script of this episode."""
        if GripperStatus.of(observation).steps_left == 1.0:
            self._present = self._scripts[int(rng.integers(len(self._scripts)))]
        return self._present.choose(observation, rng)


def within_bounds(motion: np.ndarray, observation: Observation, task: ServoTask) -> np.ndarray:
    """Return the nearest motion (4,) in base within an observation's bounds; the horizontal way is kept.

    Args:
        motion: dx, dy, dz [m] and dpsi [rad] in base, shape (4,).
        observation: Holds the bounds, in the task's frame.
        task: Names the frame.
    """
    lowest, highest = observation.arrays[BOUNDS].astype(np.float64)
    frame_yaw = _frame_yaw(observation, task)
    turned = to_gripper_frame(motion, frame_yaw)
    share = 1.0
    for i in (0, 1):
        limit = highest[i] if turned[i] > 0.0 else -lowest[i]
        if abs(turned[i]) > max(limit, 1e-9):
            share = min(share, limit / abs(turned[i]))
    turned[:2] *= share
    turned[2:] = np.clip(turned[2:], lowest[2:], highest[2:])
    return to_base_frame(turned, frame_yaw)


def _heights_about(grasp: PlanarGrasp, observation: Observation) -> np.ndarray:
    """Return the heights about a grasp [m], of the same shape wherever it is."""
    row, col = observation.workspace.xy_to_pixel(grasp.x, grasp.y)
    padded = np.pad(observation.heightmap, _ABOUT_PX, mode="edge")
    side = 2 * _ABOUT_PX + 1
    return padded[row : row + side, col : col + side]


def _frame_yaw(observation: Observation, task: ServoTask) -> float:
    return tcp_of(observation)[3] if task.frame == "gripper" else 0.0


def _nearest_turn(turn: float, observation: Observation) -> float:
    """Return the turn to one of two equal yaws that is the smallest admissible, or the smallest [rad]."""
    lowest, highest = (float(b[3]) for b in observation.arrays[BOUNDS])
    wrapped = (turn + np.pi / 2.0) % np.pi - np.pi / 2.0
    turns = sorted((float(wrapped + k) for k in _FRESH_YAWS), key=abs)
    # At an end of the wrist the other way round is longer, but possible.
    is_stuck = (turns[0] > 0.0 and highest <= 0.0) or (turns[0] < 0.0 and lowest >= 0.0)
    return turns[1] if is_stuck else turns[0]


def _rise(status: GripperStatus, task: ServoTask, length: float) -> GripperStep:
    is_final = status.height + length > task.ending_height + 0.005
    return GripperStep((0.0, 0.0, length), 0.0, is_final=is_final)


def _step(motion: np.ndarray, command: GripperCommand) -> GripperStep:
    dx, dy, dz, turn = (float(v) for v in motion)
    return GripperStep((dx, dy, dz), turn, command)
