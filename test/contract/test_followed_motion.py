"""Whatever form a trajectory has: what is followed stays in the box and under every limit."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from followers import CELL, follower, random_trajectory

from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import CommandRejectedError
from equigrasp.planning.cell_guard import CellGuard
from equigrasp.planning.trajectory_check import TrajectoryCheck
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.physics import TIME_STEP

SLACK = 2e-3  # [m] of the set-point: 1 mm is allowed, and samples lie apart
LAG = 0.015  # [m] by which the simulated joints may be off their set-point


@dataclass
class Bench:
    """A simulated arm behind the check, and what it did."""

    simulation: SimulatedCell
    check: TrajectoryCheck
    references: list[np.ndarray] = field(default_factory=list)
    speeds: list[np.ndarray] = field(default_factory=list)
    measured: list[np.ndarray] = field(default_factory=list)

    @property
    def arm(self) -> BulletArm:
        arm = self.simulation.cell.arm
        assert isinstance(arm, BulletArm)
        return arm

    def offer(self, trajectory: JointTrajectory) -> bool:
        """Do as the arm node does; return whether it is followed."""
        try:
            self.check.check(trajectory, self.arm.joint_state(), self.arm.set_point())
            self.arm.start_trajectory(trajectory)
        except CommandRejectedError:
            return False
        return True

    def let_pass(self, duration: float) -> None:
        """Step the physics, and keep set-points and joints."""
        for _ in range(max(1, round(duration / TIME_STEP))):
            self.simulation.physics.step()
            self.references.append(self.arm._reference.copy())
            self.speeds.append(self.arm._reference_velocity.copy())
            self.measured.append(self.arm.joint_state().positions)

    def outside(self, joints: list[np.ndarray]) -> float:
        """Return how far out of box and heights any of joint positions is [m]."""
        safety = self.simulation.cell.config.safety
        tool, heights = self.check.places(np.array(joints))
        box = np.maximum(safety.box.lower - tool[:, :3], tool[:, :3] - safety.box.upper)
        return float(max(box.max(), (safety.link_height - heights).max()))

    def restart(self) -> None:
        """Put the arm home, at rest, and forget."""
        home = np.array(self.simulation.cell.arm_config.home_positions)
        self.arm.teleport(home)
        for kept in (self.references, self.speeds, self.measured):
            kept.clear()

    def assert_within_limits(self) -> None:
        limits = self.arm.limits
        speeds = np.array(self.speeds)
        assert self.outside(self.references) < SLACK
        assert self.outside(self.measured) < LAG
        assert (np.abs(speeds) <= 1.02 * np.array(limits.velocities)).all()
        rates = np.abs(np.diff(speeds, axis=0)) / TIME_STEP
        assert (rates <= np.array(limits.stop_accelerations) * 1.05).all()
        lower, upper = np.array(limits.lower), np.array(limits.upper)
        references = np.array(self.references)
        assert (references > lower - 1e-3).all() and (references < upper + 1e-3).all()


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    with make_simulated_cell("ur5") as simulation:
        yield Bench(simulation, TrajectoryCheck(simulation.cell.config))


@pytest.fixture
def bench(shared: Bench) -> Bench:
    shared.restart()
    return shared


def self_state(bench: Bench) -> np.ndarray:
    """Return where the joints are, shape (n,) [rad]."""
    return np.asarray(bench.arm.joint_state().positions)


@pytest.mark.parametrize("time", [0.0, 0.02, 0.06])
@pytest.mark.parametrize("joint", [(0, 1.0), (1, 1.0), (1, -1.0), (2, 1.0), (3, -1.0)])
def test_a_stream_of_single_points_leads_nowhere_outside(
    bench: Bench, joint: tuple[int, float], time: float
) -> None:
    """Each a little ahead of where the arm is, sixteen a second."""
    step = 0.045 * joint[1] * np.eye(6)[joint[0]]
    followed = 0
    for _ in range(60):
        goal = self_state(bench) + step
        followed += bench.offer(JointTrajectory(np.array([time]), goal[None], np.zeros((1, 6))))
        bench.let_pass(1.0 / 16.0)
    bench.let_pass(0.5)
    bench.assert_within_limits()
    assert followed or time > 0.0  # too fast for the joint, with so little time


def test_an_arm_that_stands_outside_creeps_no_farther(bench: Bench) -> None:
    """Neither by holding it where it is, nor by the slack that the box has."""
    home = self_state(bench)
    rng = np.random.default_rng(0)
    while not 0.004 < bench.outside([home]) < 0.03:
        home = np.array(bench.simulation.cell.arm_config.home_positions)
        home = home + rng.uniform(-1.2, 1.2, 6) * [1.0, 0.5, 0.5, 1.0, 0.5, 0.0]
    bench.arm.teleport(home)
    stood = bench.outside([home])
    for scale in [0.0, 1e-4, 1e-3, 5e-3] * 10:
        goal = self_state(bench) + rng.normal(0.0, scale, 6)
        bench.offer(JointTrajectory(np.array([0.3]), goal[None], np.zeros((1, 6))))
        bench.let_pass(0.35)
    assert bench.outside(bench.references) <= stood + 1e-3
    back = np.array(bench.simulation.cell.arm_config.home_positions)
    slowly = JointTrajectory(np.array([6.0]), back[None], np.zeros((1, 6)))
    bench.let_pass(1.0)
    assert bench.offer(slowly) or bench.outside([self_state(bench)]) < 1e-3


def test_a_stop_on_the_way_leads_nowhere_outside(bench: Bench) -> None:
    """A path above the table, in the middle of which joints that brake alone would lead into it."""
    middle = np.array([-0.2213, -0.873, 1.2111, -1.6134, -1.7484, 0.9208])
    rates = np.array([0.0, -1.489, 2.815, -2.99, 0.077, 0.0])
    half = 0.36  # [s]
    way = 0.5 * half * rates
    motion = JointTrajectory(
        np.array([0.0, half, 2.0 * half]),
        np.stack([middle - way, middle, middle + way]),
        np.stack([0.0 * rates, rates, 0.0 * rates]),
    )
    bench.arm.teleport(middle - way)
    with pytest.raises(CommandRejectedError, match=r"Fingertip z would be .*, in a stop 0\.\d+ s"):
        bench.check.check(motion, bench.arm.joint_state(), bench.arm.set_point())
    bench.arm.start_trajectory(motion)  # as if nobody had judged it
    bench.let_pass(half)
    assert bench.outside(bench.references) < SLACK
    bench.arm.stop()
    bench.let_pass(0.5)
    assert bench.outside(bench.references) > 0.015
    assert not np.any(bench.arm.set_point().velocities)


@pytest.mark.parametrize("kind", ["servo", "bullet"])
def test_the_guard_passes_what_the_check_admits(kind: str) -> None:
    guard, rng = CellGuard(CELL), np.random.default_rng(3)
    with follower(kind, TrajectoryCheck(CELL)) as arm:
        for _ in range(60):
            arm.send(random_trajectory(rng, arm, np.zeros(6)))
            arm.run(0.2)
        for positions, velocities in zip(arm.set_points, arm.speeds, strict=True):
            guard.check(positions, velocities)


def test_the_guard_stops_what_leaves_the_box(bench: Bench) -> None:
    """Before it is out by more than 3 mm, and while it could still stop."""
    guard, safety = CellGuard(bench.simulation.cell.config), bench.simulation.cell.config.safety
    positions, speed = self_state(bench), np.array([0.0, 0.8, 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(CommandRejectedError, match="would leave .* it was stopped"):
        for _ in range(2000):
            positions = positions + 0.002 * speed
            guard.check(positions, speed)
    assert bench.outside([positions]) < 5e-3
    assert bench.outside([positions - 0.002 * speed]) < 3.2e-3
    guard = CellGuard(bench.simulation.cell.config)
    for _ in range(100):  # what stands outside may come back
        positions = positions - 0.002 * speed
        guard.check(positions, -speed)
    assert safety.box.lower[2] > 0.0
