"""Bars flat along an upright wall: out of reach for the default picker alone, taken with a push."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.environments.grasp_episode import GraspEpisode
from equigrasp.errors import CollisionError
from equigrasp.experiments.rollouts.loop import TWO_TRAYS, Loop
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.transform import Transform
from equigrasp.learning.freeing_policy import FreeingPolicy
from equigrasp.learning.interfaces import Policy
from equigrasp.learning.method_names import DEFAULT_METHOD
from equigrasp.learning.trained_weights import first_weights, load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.upright_walls import make_upright_cell

_FACE = 0.155  # [m] from the tray's middle: almost at the wall
_ATTEMPTS = 5


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulatedCell]:
    with make_upright_cell("ur5") as made:
        yield made


@pytest.fixture(scope="module")
def picker(simulation: SimulatedCell) -> Policy[PlanarGrasp]:
    method, config = load_method(DEFAULT_METHOD)
    policy = method.make_policy(config, method.make_networks(config, 0))
    weights, cell = first_weights("", config), simulation.cell.config
    assert weights is not None
    load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
    return policy


def _attempts(
    simulation: SimulatedCell, policy: Policy, shape: str, half: float, yaw: float
) -> tuple[list[float], int]:
    """Return the rewards up to the first success, and the number of pushes, for a shape at a wall."""
    episode = GraspEpisode(
        simulation.cell, simulation.world, OmplPlanner(simulation.cell), max_attempts=_ATTEMPTS
    )
    tray = episode.workspace
    away = _FACE - half
    offset = (away, 0.02) if yaw == 0.0 else (0.02, -away)
    place = np.array([tray.center_x, tray.center_y, tray.floor_z + 0.02]) + [*offset, 0.0]
    pose = Transform.from_rpy(place, np.array([0.0, 0.0, yaw]))
    episode.resume([(shape, pose)], 0)
    loop = Loop(episode, policy, TWO_TRAYS, seed=5)
    rewards: list[float] = []
    while not episode.is_over and not any(rewards):
        rewards.append(loop.attempt(len(rewards), "greedy").result.reward)
    return rewards, loop.num_by_rule


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "half", "yaw"), [("bar_7", 0.009, 0.0), ("bar_0", 0.014, np.pi / 2)]
)
def test_a_bar_at_a_wall_is_freed_and_taken(
    simulation: SimulatedCell,
    picker: Policy[PlanarGrasp],
    shape: str,
    half: float,
    yaw: float,
) -> None:
    alone, _ = _attempts(simulation, picker, shape, half, yaw)
    assert alone == [0.0] * _ATTEMPTS
    rewards, pushes = _attempts(simulation, FreeingPolicy(picker), shape, half, yaw)
    assert rewards[-1] == 1.0 and 1 <= pushes <= 3


@pytest.mark.slow
def test_a_push_into_an_upright_wall_moves_nothing(simulation: SimulatedCell) -> None:
    episode = GraspEpisode(simulation.cell, simulation.world, OmplPlanner(simulation.cell))
    episode.resume([("bar_7", Transform.from_rpy(np.array([0.45, 0.21, 0.02]), np.zeros(3)))], 0)
    before = simulation.cell.arm.joint_state().positions
    tray = episode.workspace
    with pytest.raises(CollisionError, match="The push would bring .* (tray|upright wall) left"):
        episode.step(Push(tray.center_x + 0.10, tray.center_y, 0.012, 0.0, 0.10))
    assert np.array_equal(simulation.cell.arm.joint_state().positions, before)
