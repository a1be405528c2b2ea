"""Whatever form a trajectory has: if it is followed, every state is in the box and under every limit."""

import threading

import numpy as np
import pytest
from followers import (
    ARM,
    CELL,
    START,
    BulletFollower,
    Follower,
    follower,
    random_trajectory,
)

from equigrasp.devices.motion import JointTrajectory
from equigrasp.planning.trajectory_check import TrajectoryCheck

LIMITS, SAFETY = ARM.limits, CELL.safety
KINDS = ["servo", "slow servo", "bullet"]
_TRACKING = 2e-3  # [m], [rad] that a simulated joint swings past its set-point
_SAMPLING = 5e-4  # [m], [rad] between samples of the check
_SLACK = 1e-3  # [m] that the check allows beyond the box


@pytest.fixture(scope="module")
def check() -> TrajectoryCheck:
    return TrajectoryCheck(CELL)


def hold_limits(arm: Follower, start: np.ndarray, accelerations: tuple[float, ...]) -> None:
    """Fail if a state was outside of the box or a limit, beyond what the check allows."""
    for places, room in ((arm.set_points, _SAMPLING), (arm.states, _TRACKING)):
        joints = np.vstack([start, *places])
        assert (joints >= np.asarray(LIMITS.lower) - 1e-4 - room).all()
        assert (joints <= np.asarray(LIMITS.upper) + 1e-4 + room).all()
        tool, heights = arm.check.places(joints)
        assert (tool[:, :3] >= np.asarray(SAFETY.box.lower) - _SLACK - room).all()
        assert (tool[:, :3] <= np.asarray(SAFETY.box.upper) + _SLACK + room).all()
        assert heights.min() >= SAFETY.link_height - _SLACK - room
        speeds = np.abs(np.diff(joints, axis=0)) / arm.step
        assert (speeds <= 1.03 * np.asarray(LIMITS.velocities)).all()
        tcp_speeds = np.linalg.norm(np.diff(tool[:, 0], axis=0), axis=1) / arm.step
        assert tcp_speeds.max(initial=0.0) <= 1.03 * SAFETY.tcp_speed
    changes = np.abs(np.diff(np.vstack([start, start, *arm.set_points]), 2, axis=0)) / arm.step**2
    assert (changes <= 1.03 * np.asarray(accelerations)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_followed_to_its_end_keeps_every_limit(
    kind: str, seed: int, check: TrajectoryCheck
) -> None:
    rng, num_followed = np.random.default_rng(seed), 0
    drift = rng.normal(size=6)
    with follower(kind, check) as arm:
        for _ in range(60):
            num_followed += not arm.send(random_trajectory(rng, arm, drift))
            arm.run_to_rest()
        hold_limits(arm, START, LIMITS.accelerations)
    assert 10 <= num_followed <= 50


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_replaced_in_motion_keeps_every_limit(
    kind: str, seed: int, check: TrajectoryCheck
) -> None:
    rng, num_followed = np.random.default_rng(seed), 0
    drift = rng.normal(size=6)
    with follower(kind, check) as arm:
        for _ in range(120):
            motion = random_trajectory(rng, arm, drift, 300.0)
            num_followed += not arm.send(motion)
            is_long = motion.times.size > 1 and motion.duration > 30.0
            arm.run(2.0 if is_long else rng.choice([0.008, 0.06, 0.3]))
        hold_limits(arm, START, LIMITS.stop_accelerations)
    assert 20 <= num_followed <= 100


def test_a_simulated_arm_does_not_move_on_while_it_is_judged(check: TrajectoryCheck) -> None:
    with follower("bullet", check) as arm:
        assert isinstance(arm, BulletFollower)
        goal = START + 0.1 * np.eye(6)[5]
        assert not arm.send(JointTrajectory(np.array([1.0]), goal[None], np.zeros((1, 6))))
        arm.run(0.3)
        with arm.arm.moment():
            before = arm.set_point()
            stepping = threading.Thread(target=arm.advance)
            stepping.start()
            stepping.join(0.1)
            assert (arm.set_point().positions == before.positions).all()
        stepping.join()
        assert arm.set_point().positions[5] > before.positions[5]
