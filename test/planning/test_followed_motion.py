"""Whatever form a trajectory has: what is followed stays in the box and under every limit."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

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
            self.check.check(trajectory, self.arm.joint_state())
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
        # Where one trajectory replaces another, speed may change by what 50 ms of acceleration do.
        jumps = 0.051 * np.array(limits.accelerations) / TIME_STEP
        assert (rates <= np.maximum(np.array(limits.stop_accelerations) * 1.05, jumps)).all()
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


def random_trajectory(present: np.ndarray, rng: np.random.Generator) -> JointTrajectory:
    """Return a trajectory of any form, sound or not, of any size of step."""
    count = int(rng.choice([1, 1, 1, 2, 2, 3, 5]))
    first = float(rng.choice([0.0, 0.0, 0.004, 0.02, 0.1, 0.5]))
    steps = rng.choice([0.0, 0.002, 0.02, 0.1, 0.5]) * rng.uniform(0.2, 3.0, count)
    times = first + np.concatenate([[0.0], np.cumsum(steps[1:])])
    size = rng.choice([0.0, 0.005, 0.045, 0.1, 0.4])
    direction = rng.normal(size=len(present))
    direction /= np.abs(direction).max()
    ways = np.cumsum(rng.uniform(0.0, size, count))[:, None] * direction
    if rng.random() < 0.5 and first == 0.0 and count > 1:
        ways -= ways[0]
    velocities = np.zeros((count, len(present)))
    if rng.random() < 0.3:
        velocities = rng.normal(0.0, rng.choice([0.01, 0.3, 2.0]), velocities.shape)
    if rng.random() < 0.7:
        velocities[-1] = 0.0
    return JointTrajectory(times, present + ways, velocities)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_followed_stays_within_all_limits(bench: Bench, seed: int) -> None:
    """Forms at random, replaced while they move, some repeated until the arm can go no farther."""
    rng, num_followed = np.random.default_rng(seed), 0
    home = np.array(bench.simulation.cell.arm_config.home_positions)
    for number in range(40):
        if number % 10 == 9:  # back to where there is room
            bench.offer(JointTrajectory(np.array([5.0]), home[None], np.zeros((1, 6))))
            bench.let_pass(5.5)
        repeats = int(rng.choice([1, 1, 1, 12]))
        drawn = int(rng.integers(2**31))
        for _ in range(repeats):
            present = self_state(bench)
            trajectory = random_trajectory(present, np.random.default_rng(drawn))
            num_followed += bench.offer(trajectory)
            bench.let_pass(float(rng.choice([0.01, 0.06, 0.3])))
    bench.let_pass(1.0)
    assert num_followed > 5
    bench.assert_within_limits()


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


def test_the_guard_passes_what_the_check_admits(bench: Bench) -> None:
    guard = CellGuard(bench.simulation.cell.config)
    rng = np.random.default_rng(3)
    for _ in range(60):
        bench.offer(random_trajectory(self_state(bench), rng))
        bench.let_pass(0.2)
    for positions, velocities in zip(bench.references, bench.speeds, strict=True):
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
