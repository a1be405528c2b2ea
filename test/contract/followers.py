"""What follows trajectories, step by step by hand: the UR's set-points, and the arm in PyBullet."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from equigrasp.config import load_config
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.motion import JointState, JointTrajectory
from equigrasp.devices.robot_description import assemble
from equigrasp.errors import CommandRejectedError
from equigrasp.hardware.ur.servo_reference import ServoReference
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_robot import BulletRobot
from equigrasp.simulation.physics import TIME_STEP, Physics

CELL = load_config(CellConfig, "cells", "ur5")
ARM = CELL.load_arm()
START = np.array([0.0, -1.5, 2.0, -2.0708, -1.5708, 0.0])  # TCP in the middle of the box


class Follower:
    """An arm behind the check of the arm node.

    Attributes:
        step: Time between two states [s].
        states: Where the joints were after each step, (n,) [rad].
        set_points: Where they were commanded to be, (n,) [rad].
        speeds: How fast, (n,) [rad/s].
    """

    step = 0.008

    def __init__(self, check: TrajectoryCheck) -> None:
        self.check = check
        self.states: list[np.ndarray] = []
        self.set_points: list[np.ndarray] = []
        self.speeds: list[np.ndarray] = []

    def measured(self) -> JointState:
        """Return where the joints are."""
        raise NotImplementedError

    def set_point(self) -> JointState:
        """Return where they are commanded to be."""
        raise NotImplementedError

    def begin(self, trajectory: JointTrajectory) -> None:
        """Follow a trajectory from now on."""
        raise NotImplementedError

    def advance(self) -> None:
        """Let one step pass."""
        raise NotImplementedError

    def send(self, trajectory: JointTrajectory) -> str:
        """Follow a trajectory if it passes; return why not."""
        try:
            self.check.check(trajectory, self.measured(), self.set_point())
            self.begin(trajectory)
        except CommandRejectedError as error:
            return str(error)
        return ""

    def run(self, duration: float) -> None:
        """Let time pass [s]; keep the states."""
        for _ in range(max(1, round(duration / self.step))):
            self.advance()
            self.states.append(self.measured().positions)
            set_point = self.set_point()
            self.set_points.append(set_point.positions)
            self.speeds.append(set_point.velocities)

    def run_to_rest(self) -> None:
        """Let time pass until the set-point stands."""
        self.run(self.step)
        while np.any(self.set_point().velocities):
            self.run(self.step)


class ServoFollower(Follower):
    """The set-points of the UR's driver; joints that follow them exactly."""

    def __init__(self, check: TrajectoryCheck, start: np.ndarray, pace: float = 1.0) -> None:
        super().__init__(check)
        self._reference, self._pace = ServoReference(ARM.limits, start), pace

    def measured(self) -> JointState:
        r = self._reference
        return JointState(0.0, r.positions.copy(), r.velocities.copy(), np.zeros(6))

    def set_point(self) -> JointState:
        r = self._reference
        return JointState(0.0, r.positions.copy(), r.departure, np.zeros(6))

    def begin(self, trajectory: JointTrajectory) -> None:
        self._reference.follow(trajectory)

    def advance(self) -> None:
        self._reference.advance(self.step, self._pace)


class BulletFollower(Follower):
    """The simulated arm, alone in its world."""

    step = TIME_STEP

    def __init__(self, check: TrajectoryCheck, start: np.ndarray, physics: Physics) -> None:
        super().__init__(check)
        self._physics = physics
        self.arm = BulletArm(ARM, BulletRobot(physics, assemble(ARM, CELL.load_gripper())))
        self.arm.teleport(start)
        self.arm.connect()

    def measured(self) -> JointState:
        return self.arm.joint_state()

    def set_point(self) -> JointState:
        return self.arm.set_point()

    def begin(self, trajectory: JointTrajectory) -> None:
        self.arm.start_trajectory(trajectory)

    def advance(self) -> None:
        self._physics.step()


@contextmanager
def follower(kind: str, check: TrajectoryCheck, start: np.ndarray = START) -> Iterator[Follower]:
    """Make one: `servo`, `slow servo` (at 0.4 of its pace) or `bullet`."""
    if kind != "bullet":
        yield ServoFollower(check, start, 0.4 if kind == "slow servo" else 1.0)
        return
    physics = Physics()
    try:
        yield BulletFollower(check, start, physics)
    finally:
        physics.close()


def random_trajectory(
    rng: np.random.Generator, arm: Follower, drift: np.ndarray, longest: float = 0.0
) -> JointTrajectory:
    """Draw a form: how many points, when the first comes and where, how far, how fast, which velocities;
    some last up to `longest` [s], if that is not 0.

    Steps go into any direction, and on the whole into that of `drift` (6,): out of the box in the end.
    """
    here, departure = arm.measured().positions, arm.set_point().velocities
    count = int(rng.choice([0, 1, 1, 1, 2, 3, 8]))
    steps = (rng.normal(size=(count, 6)) + drift) * 10.0 ** rng.uniform(-4.0, -0.3)
    steps *= rng.random((count, 6)) < rng.choice([0.3, 1.0])  # some joints stay
    if rng.random() < 0.2:
        steps[1:] = 0.0  # the same point again and again
    largest = np.abs(steps).max(axis=1, initial=1e-6)
    gaps = np.maximum(largest / 2.0, np.sqrt(largest)) * 10.0 ** rng.uniform(-0.7, 0.5)
    first = rng.choice(["now", "near", "here", "later"], p=[0.2, 0.2, 0.2, 0.4])
    if count and first != "later":
        gaps[0] = 0.0
        steps[0] = rng.normal(size=6) * {"now": 0.0, "here": 3e-4, "near": 0.02}[first]
    times, positions = np.cumsum(gaps), here + np.cumsum(steps, axis=0)
    if longest and count > 1 and rng.random() < 0.3:  # a quick way there, and back, in minutes
        times = np.append(times, times[-1] + rng.uniform(0.2, 1.0) * longest)
        positions[-1] = here
        positions = np.vstack([positions, here])
        count += 1
    velocities = np.zeros_like(positions)
    kind = rng.choice(["none", "inner", "random"], p=[0.5, 0.3, 0.2])
    if kind == "inner" and count > 2:
        velocities[1:-1] = np.gradient(
            positions, np.maximum(times, np.arange(count) * 1e-6), axis=0
        )[1:-1]
    elif kind == "random" and count:
        velocities = rng.normal(size=positions.shape) * 0.1
    if count and first != "later" and rng.random() < 0.5:
        velocities[0] = departure
    return JointTrajectory(times, positions, velocities)
