"""Simulated attempts against nothing but the engine's steps, and the parts of an attempt."""

from collections.abc import Callable

import numpy as np

from equigrasp.environments.open_loop_grasp import observe
from equigrasp.experiments.rollouts.attempts import in_two_trays, split_names
from equigrasp.experiments.speed.stopwatch import Comparison, alternate
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Context, Policy
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.simulation.physics import TIME_STEP


def measure_simulation(
    policies: dict[str, Policy[PlanarGrasp]], repeats: int
) -> tuple[Comparison, list[tuple[str, float]], float]:
    """Time attempts in the simulated UR5 cell, and the parts that they consist of.

    Args:
        policies: Whose decisions are timed, by name; the first makes the attempts.
        repeats: Of each.

    Returns:
        Attempts per second beside those that bare stepping would allow, times of the parts [s],
        and the robot's own time for an attempt [s].
    """
    with make_simulated_cell("ur5") as simulation:
        names = split_names(simulation, "train", 0)
        rollout = in_two_trays(simulation, next(iter(policies.values())), 0, names)
        cell, workspace = simulation.cell, simulation.cell.config.workspaces[0]
        physics, camera = simulation.physics, cell.camera
        observation, frame = observe(cell, workspace), camera.capture()
        rng, training = np.random.default_rng(0), Context("train")
        numbers = iter(range(10**6))
        durations: list[float] = []
        num_steps: list[int] = []

        def attempt() -> None:
            began = physics.now()
            durations.append(rollout.attempt(next(numbers), "random").result.outcome.duration)
            num_steps.append(round((physics.now() - began) / TIME_STEP))

        def bare_steps() -> None:
            for _ in range(num_steps[-1]):
                physics.client.stepSimulation()

        def heightmap() -> None:
            heightmap_from_depth(frame.depth, camera.model, camera.T_base_camera, workspace)

        works: dict[str, Callable[[], object]] = {
            f"decision, {name}": lambda one=policy: one.choose(observation, training, rng)  # type: ignore[misc]
            for name, policy in policies.items()
        }
        works |= {
            "camera frame": camera.capture,
            "heightmap": heightmap,
            "240 physics steps, 15 objects": lambda: physics.sleep(240 * TIME_STEP),
        }
        seconds = alternate(list(works.values()), repeats)
        times = alternate([attempt, bare_steps], repeats)
    comparison = Comparison(
        "simulated attempts, UR5 cell, 15 objects",
        "1/s",
        1.0 / times[0],
        1.0 / times[1],
        f"{round(np.median(num_steps))} bare PyBullet steps",
        is_more_better=True,
    )
    parts = [*zip(works, seconds, strict=True), ("attempt in one process", times[0])]
    return comparison, parts, float(np.median(durations))
