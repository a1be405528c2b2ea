"""What disturbs a grasp in closed loop: something is pushed away, or moved, once in an episode."""

import math
from typing import Protocol

import numpy as np

from equigrasp.devices.world import WorldObject
from equigrasp.environments.servo_grasp import ServoEvents, ServoGraspEnv
from equigrasp.geometry.actions import GripperStep
from equigrasp.geometry.transform import Transform
from equigrasp.primitives.outcome import ServoOutcome

_OPEN = 0.9  # share of the stroke from which on fingers are open
_TIP_RISE = 0.014  # [m] of open fingertips above the TCP
_LOW = 0.05  # [m] above the floor, below which the hand is at an object
_SPEEDS = (0.3, 0.5)  # [m/s]
_SHIFT = 0.05  # [m]
_LAST_MOVE = 3  # step after which something is moved at the latest
_CLEARANCE = 0.05  # [m] of a moved object to the middles of others, where there is room
_RIM = 0.03  # [m] within the tray that a moved object stays
_NUM_DIRECTIONS = 16


class DisturbedWorld(Protocol):
    """A simulated world in which things can be pushed and moved."""

    def objects(self) -> list[WorldObject]:
        """See `World.objects`."""
        ...

    def object_between(self, one: np.ndarray, other: np.ndarray) -> int | None:
        """Return an object that the line between two points (3,) [m] meets; None: it meets none."""
        ...

    def push_object(self, handle: int, velocity: np.ndarray) -> None:
        """Give an object a velocity (3,) [m/s]."""
        ...

    def move_object(self, handle: int, pose: Transform) -> None:
        """Put an object elsewhere, at rest."""
        ...


class Event(ServoEvents):
    """Something that happens once in an episode, or not at all.

    Args:
        world: Where it happens.
    """

    def __init__(self, world: DisturbedWorld) -> None:
        self._world = world
        self._rng = np.random.default_rng(0)
        self.has_happened = True  # in the present episode

    def begin(self, env: ServoGraspEnv, rng: np.random.Generator) -> None:
        """Arm it."""
        self._rng, self.has_happened = rng, False


class PushedAway(Event):
    """The first object between the open fingers rolls off sideways, as the ball of QT-Opt's figure did.

    Whoever steps the physics may call `check` in the middle of a motion: a hand that descends and closes in
    one step never stands still with something between open fingers.
    """

    def after_step(self, env: ServoGraspEnv, outcome: ServoOutcome) -> None:
        """Check after every step."""
        self.check(env)

    def check(self, env: ServoGraspEnv) -> None:
        """Push what is between the fingers, if the hand is low and they are open."""
        if self.has_happened:
            return
        opening = env.cell.gripper.state().width
        if opening < _OPEN * env.cell.gripper_config.limits.stroke:
            return
        tcp = env.servo.planner.forward_kinematics(env.cell.arm.joint_state().positions)
        if tcp.position[2] - env.workspace.floor_z > _LOW:
            return
        along, aside, _ = tcp.rotation.as_matrix().T
        middle = tcp.position + np.array([0.0, 0.0, _TIP_RISE])
        half = 0.5 * opening * along
        handle = self._world.object_between(middle - half, middle + half)
        if handle is None:
            return
        speed = float(self._rng.uniform(*_SPEEDS)) * float(self._rng.choice([-1.0, 1.0]))
        self._world.push_object(handle, speed * aside)
        self.has_happened = True


class MovedAside(Event):
    """The object nearest to the hand is moved by 5 cm after one of the first steps, if nothing has closed yet."""

    def __init__(self, world: DisturbedWorld) -> None:
        super().__init__(world)
        self._at = 0

    def begin(self, env: ServoGraspEnv, rng: np.random.Generator) -> None:
        """Draw after which step."""
        super().begin(env, rng)
        self._at = int(rng.integers(1, _LAST_MOVE + 1))

    def before_step(self, env: ServoGraspEnv, action: GripperStep) -> None:
        """Leave everything where it is once the fingers close."""
        if action.gripper == "close" and not self.has_happened:
            self._at = 0

    def after_step(self, env: ServoGraspEnv, outcome: ServoOutcome) -> None:
        """Move it."""
        if self.has_happened or env.num_steps != self._at:
            return
        hand = np.array(env.state().position)
        things = self._world.objects()
        if not things:
            return
        near = min(things, key=lambda o: float(np.linalg.norm(o.pose.position - hand)))
        others = [o.pose.position for o in things if o.handle != near.handle]
        place = self._place(env, near.pose.position, others)
        self._world.move_object(near.handle, Transform(place, near.pose.quat_xyzw))
        self.has_happened = True

    def _place(
        self, env: ServoGraspEnv, position: np.ndarray, others: list[np.ndarray]
    ) -> np.ndarray:
        """Return a place 5 cm away in the tray, clear of other objects where there is one."""
        tray = env.workspace
        half = tray.action_size_px * tray.pixel_size / 2.0 - _RIM
        middle = np.array([tray.center_x, tray.center_y])
        begin, best = self._rng.uniform(0.0, 2.0 * math.pi), (-math.inf, position)
        for k in range(_NUM_DIRECTIONS):
            angle = begin + 2.0 * math.pi * k / _NUM_DIRECTIONS
            place = position + _SHIFT * np.array([math.cos(angle), math.sin(angle), 0.0])
            if np.abs(place[:2] - middle).max() > half:
                continue
            gaps = [float(np.hypot(*(place - other)[:2])) for other in others]
            gap = min(gaps, default=math.inf)
            if gap >= _CLEARANCE:
                return place
            best = max(best, (gap, place), key=lambda b: b[0])
        return best[1]
