"""Simulated grasps in closed loop: an episode is one grasp, and what it holds leaves the tray."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.world import World
from equigrasp.environments.environment import StepResult
from equigrasp.environments.put_away import clear_view, take_away
from equigrasp.environments.servo_task import ServoTask
from equigrasp.environments.servo_view import ServoView
from equigrasp.errors import ConfigError, PerceptionError, PlanningError
from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.observation import Observation
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.outcome import GraspOutcome, ServoOutcome
from equigrasp.primitives.servo import ServoPrimitive, ServoStart, ServoState
from equigrasp.seeding import SceneStream, derive_seed

_START_TRIES = 20  # starts drawn, some are unreachable at their yaw

Names = Callable[[int], list[str]]  # shapes of a scene, by its number


@dataclass(frozen=True)
class ServoResult(StepResult):
    """What came of a step.

    Args:
        asked: What was to be done.
        executed: What was done, as measured; `is_final` only where the episode ended by it.
        ended_by: `terminated` (`is_final`), `scripted` or `time-out`; empty: the episode goes on.
        num_steps: Of the episode so far.
    """

    asked: GripperStep | None = None
    ended_by: str = ""
    num_steps: int = 0


@dataclass(frozen=True)
class SceneRules:
    """When a tray is filled anew.

    Args:
        num_objects: In a new scene.
        num_episodes: After so many a new one begins …
        least_objects: … or when fewer are left.

    Raises:
        ConfigError: if a number is not positive.
    """

    num_objects: int = 6
    num_episodes: int = 10
    least_objects: int = 2

    def __post_init__(self) -> None:
        for key in ("num_objects", "num_episodes", "least_objects"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")


class ServoEvents:
    """What happens in the world in the course of an episode; nothing, unless overridden."""

    def begin(self, env: "ServoGraspEnv", rng: np.random.Generator) -> None:
        """Take note of a new episode; the hand is over the tray."""

    def before_step(self, env: "ServoGraspEnv", action: GripperStep) -> None:
        """Do something before a step, after it was chosen."""

    def after_step(self, env: "ServoGraspEnv", outcome: ServoOutcome) -> None:
        """Do something after a step, before the next look."""


class ServoGraspEnv:
    """One tray of a simulated cell, one grasp an episode.

    The reward is the task's penalty for each step before the last, and 1 for the last if it ended with something
    held above the task's height: the time-out is judged as an end by the policy. Success is what the cell's
    detector says after the lift; the simulator's truth takes out what hangs in the fingers, and counts where
    it disagrees.

    Args:
        cell: A simulated cell.
        world: Its world.
        planner: Plans the cell's motions.
        task: Steps, view, reward and end.
        names: Returns the shapes of a scene by its number.
        seed: Of scenes and starts: those of a number are the same for all policies.
        scenes: When the tray is filled anew.
        events: What happens meanwhile.
        first_scene: Number of the first one.
    """

    def __init__(
        self,
        cell: RobotCell,
        world: World,
        planner: MotionPlanner,
        task: ServoTask,
        names: Names,
        seed: int,
        *,
        scenes: SceneRules | None = None,
        events: ServoEvents | None = None,
        first_scene: int = 0,
    ) -> None:
        self.cell, self.world, self.task = cell, world, task
        self.workspace: Workspace = cell.config.workspaces[0]
        self.servo = ServoPrimitive(cell, planner)
        self._view = ServoView(cell, task)
        self._names, self._seed = names, seed
        self._scenes, self._events = scenes or SceneRules(), events or ServoEvents()
        self._seen: Observation | None = None
        self._next_scene = first_scene
        self.scene = self.episode = -1  # the episode is counted within its scene
        self.num_steps = 0
        self.is_over = True

    def reset(self) -> None:
        """Begin the next episode, in a new scene where one is due.

        Raises:
            PlanningError: if no start can be reached.
            DeviceError: if a device refused or stopped.
        """
        self.is_over = True
        self._fill()
        clear_view(self.cell, self.servo)
        self._view.begin(self.workspace)
        drawn = derive_seed(self._seed, SceneStream.STARTS, self.scene, self.episode)
        rng = np.random.default_rng(drawn)
        self._start(rng)
        self.num_steps = 0
        self._events.begin(self, rng)
        self._look()
        self.is_over = False

    def observe(self) -> Observation:
        """Return what was seen after the last step.

        Raises:
            PerceptionError: if no episode has begun.
        """
        if self._seen is None:
            raise PerceptionError("No episode has begun; reset first.")
        return self._seen

    def step(self, action: GripperStep) -> ServoResult:
        """Carry out a step, and look; or end the episode, and take out what is held.

        Raises:
            PerceptionError: if the episode has ended, or the camera is blind.
            PlanningError: if there is no way up; the episode is over.
            DeviceError: if a device refused or stopped; the episode is over.
        """
        if self.is_over:
            raise PerceptionError("The episode has ended; reset first.")
        try:
            return self._step(action)
        except BaseException:
            self.is_over = True
            raise

    def recover(self) -> None:
        """Let go and bring the arm home; the episode is over."""
        self.is_over = True
        clear_view(self.cell, self.servo)

    def state(self) -> ServoState:
        """Return where the hand is."""
        return self.servo.state()

    def _step(self, action: GripperStep) -> ServoResult:
        self._events.before_step(self, action)
        outcome = self.servo.step(action)
        self.num_steps += 1
        state = self.servo.state()
        ended_by = self._ended_by(action, outcome.executed, state)
        executed = GripperStep(
            outcome.executed.d_position,
            outcome.executed.d_theta,
            outcome.executed.gripper,
            ended_by == "terminated",
        )
        if not ended_by:
            self._events.after_step(self, outcome)
            self._look()
            return ServoResult(
                -self.task.step_penalty,
                _as_grasp(outcome, state),
                self.task.discount,
                asked=action,
                executed=executed,
                num_steps=self.num_steps,
            )
        self.is_over = True
        grasp, is_disagreeing = self._finish(state)
        return ServoResult(
            float(grasp.is_success),
            grasp,
            is_disagreeing=is_disagreeing,
            asked=action,
            executed=executed,
            ended_by=ended_by,
            num_steps=self.num_steps,
        )

    def _ended_by(self, action: GripperStep, executed: GripperStep, state: ServoState) -> str:
        is_ready = state.is_closed and state.height > self.task.ending_height
        if self.task.termination == "scripted":
            if is_ready and action.d_position[2] > 0.0:
                return "scripted"
        elif action.is_final and (is_ready or self.task.termination == "learned"):
            return "terminated"
        return "time-out" if self.num_steps >= self.task.max_steps else ""

    def _finish(self, state: ServoState) -> tuple[GraspOutcome, bool]:
        """Lift and verify; take out what is held; tell of the grasp, and whether the simulator disagrees."""
        found = self.servo.finish()
        held = take_away(self.cell, self.world, found.is_success)
        is_success = found.is_success and state.height > self.task.success_height
        grasp = GraspOutcome(
            is_success,
            False,
            found.finger_width,
            found.duration,
            found.idle_time,
            found.is_contact,
            found.phase_times,
        )
        return grasp, bool(held) != found.is_success

    def _fill(self) -> None:
        """Go on in the scene, or fill the tray anew."""
        rules, left = self._scenes, len(self.world.object_names_in(self.workspace))
        self.episode += 1
        if self.scene >= 0 and self.episode < rules.num_episodes and left >= rules.least_objects:
            return
        self.scene, self.episode = self._next_scene, 0
        self._next_scene += 1
        self.world.reset(derive_seed(self._seed, SceneStream.EPISODES, self.scene))
        self.world.spawn_objects(self._names(self.scene), self.workspace)

    def _start(self, rng: np.random.Generator) -> None:
        """Go over the tray, to a place and yaw drawn at random."""
        spread, middle = self.task.start_spread, (self.workspace.center_x, self.workspace.center_y)
        for tries in range(_START_TRIES):
            x, y = np.array(middle) + rng.uniform(-spread, spread, 2)
            start = ServoStart(
                float(x), float(y), self.task.start_height, float(rng.uniform(-math.pi, math.pi))
            )
            try:
                self.servo.begin(self.workspace, start)
                return
            except PlanningError:
                if tries == _START_TRIES - 1:
                    raise

    def _look(self) -> None:
        self._view.look()
        frame_yaw = self.state().yaw if self.task.frame == "gripper" else 0.0
        bounds = self.servo.bounds(self.task.largest, frame_yaw)
        left = 1.0 - self.num_steps / self.task.max_steps
        self._seen = self._view.observation(self.state(), bounds, left)


def _as_grasp(outcome: ServoOutcome, state: ServoState) -> GraspOutcome:
    """Return a step in the terms of a grasp that has not ended."""
    return GraspOutcome(
        False, False, state.opening, outcome.duration, outcome.idle_time, outcome.is_contact
    )
