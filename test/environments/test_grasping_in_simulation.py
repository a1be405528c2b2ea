"""Picks, drops, episodes and the oracle in PyBullet."""

from collections.abc import Iterator

import numpy as np
import pytest

from equigrasp.environments.grasp_episode import GraspEpisode
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv, observe
from equigrasp.environments.oracle import Oracle, is_empty
from equigrasp.errors import ConfigError, PerceptionError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.place_target import sample_place
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell


@pytest.fixture
def simulation() -> Iterator[SimulatedCell]:
    """A simulated UR5 cell with empty trays."""
    with make_simulated_cell("ur5", seed=3) as made:
        yield made


@pytest.fixture
def env(simulation: SimulatedCell) -> OpenLoopGraspEnv:
    """The two-tray protocol on it."""
    planner = OmplPlanner(simulation.cell)
    return OpenLoopGraspEnv(simulation.cell, planner, np.random.default_rng(0))


def _names(simulation: SimulatedCell, workspace: Workspace) -> list[str]:
    return simulation.world.object_names_in(workspace)


def test_a_box_is_picked_and_lands_in_the_other_tray_in_a_short_cycle(
    simulation: SimulatedCell, env: OpenLoopGraspEnv
) -> None:
    left, right = simulation.cell.config.workspaces
    simulation.world.spawn_objects(["box_0"], left)
    outcome = env.step(Oracle(world=simulation.world).choose(env.observe())).outcome
    simulation.physics.sleep(0.5)
    assert outcome.is_success and 0.02 < outcome.finger_width < 0.085
    assert _names(simulation, left) == [] and _names(simulation, right) == ["box_0"]
    assert outcome.duration < 6.5
    assert outcome.idle_time < 0.05 * outcome.duration


def test_the_picture_taken_at_place_shows_the_tray_as_it_is_without_the_arm(
    simulation: SimulatedCell, env: OpenLoopGraspEnv
) -> None:
    for _ in range(2):  # from either tray
        tray = env.trays.pick
        bare = env.observe().heightmap
        taken: list[np.ndarray] = []

        def on_phase(
            phase: Phase, tray: Workspace = tray, taken: list[np.ndarray] = taken
        ) -> None:
            if phase is Phase.RETURN:  # nothing lies there
                taken.append(observe(simulation.cell, tray).heightmap)

        place = sample_place(env.trays.place, 0.042, np.random.default_rng(4))
        env.pick.execute(_floor_grasp(tray), tray, place, on_phase=on_phase)
        np.testing.assert_allclose(taken[0], bare, atol=1e-3)
        env.reset()


def _floor_grasp(tray: Workspace) -> PlanarGrasp:
    return PlanarGrasp(tray.center_x + 0.03, tray.center_y - 0.04, 0.02, 0.5, 0.085)


@pytest.mark.parametrize("name", ["box_0", "cube_2", "can_1"])
def test_a_finger_that_lands_on_an_object_ends_the_descent_and_the_next_pick_works(
    simulation: SimulatedCell, env: OpenLoopGraspEnv, name: str
) -> None:
    simulation.world.spawn_objects([name], env.trays.pick)
    x, y, _ = simulation.world.objects()[0].pose.position
    outcome = env.step(PlanarGrasp(float(x) + 0.0425, float(y), 0.006, 0.0, 0.085)).outcome
    assert outcome.is_contact and not outcome.is_success
    outcome = env.step(Oracle(world=simulation.world).choose(env.observe())).outcome
    assert outcome.is_success and not outcome.is_contact


def test_trays_swap_when_the_first_is_empty(
    simulation: SimulatedCell, env: OpenLoopGraspEnv
) -> None:
    with pytest.raises(PerceptionError, match="'right' and 'left' are both empty"):
        env.observe_filled()
    simulation.world.spawn_objects(["cube_0"], env.trays.place)
    observation = env.observe_filled()
    assert observation.workspace == env.trays.pick and not is_empty(observation)
    assert env.num_swaps == 2


def test_an_episode_removes_what_is_grasped_and_ends_when_empty(
    simulation: SimulatedCell,
) -> None:
    episode = GraspEpisode(
        simulation.cell,
        simulation.world,
        OmplPlanner(simulation.cell),
        num_objects=2,
        max_attempts=8,
    )
    oracle = Oracle(world=simulation.world)
    episode.begin(["cube_1", "bar_2"], seed=5)
    successes = 0
    while not episode.is_over:
        result = episode.step(oracle.choose(episode.observe()))
        assert not result.is_disagreeing
        successes += result.outcome.is_success
        assert len(simulation.world.objects()) == 2 - successes
    assert episode.is_terminal and successes == 2
    with pytest.raises(PerceptionError, match="episode has ended"):
        episode.step(_floor_grasp(episode.workspace))
    with pytest.raises(ConfigError, match="needs 2 objects, found 1"):
        episode.begin(["cube_1"], seed=0)


@pytest.mark.slow
def test_the_oracle_clears_most_of_fifteen_household_objects(
    simulation: SimulatedCell, env: OpenLoopGraspEnv
) -> None:
    world = simulation.world
    names = world.object_set.draw("train", 15, np.random.default_rng(1))
    world.spawn_objects(names, env.trays.pick)
    oracle, outcomes = Oracle(world=world), []
    failures = 0
    for _ in range(6):
        outcome = env.step(oracle.choose(env.observe_filled(), failures)).outcome
        failures = 0 if outcome.is_success else failures + 1
        outcomes.append(outcome)
    assert sum(o.is_success for o in outcomes) >= 4
    assert np.mean([o.duration for o in outcomes]) < 6.5
