"""How long the parts take on this machine: medians, and shares of real time."""

import time
from collections.abc import Callable

import numpy as np
import torch

from equigrasp.environments.open_loop_grasp import observe
from equigrasp.experiments.simulated_run import SimulatedRun
from equigrasp.learning.interfaces import GraspBatch
from equigrasp.methods.registry import load_method
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.simulation.physics import TIME_STEP

_REPEATS = 7


def bench(method_name: str = "asr_compact") -> None:
    """Print a table of medians, and its ratios to one attempt of the robot."""
    package, config = load_method(method_name)
    torch.set_num_threads(config.training.num_threads)
    policy = package.make_policy(config, package.make_networks(config, 0))
    learner = package.make_learner(config, package.make_networks(config, 0), 96)
    batch = _batch(config.training.batch_size)
    rows = [("SGD step, batch 8", _median(lambda: learner.train_step(batch, 0)))]
    with make_simulated_cell("ur5") as simulation:
        loop = SimulatedRun(simulation, policy, "train", 0)
        cell, workspace = simulation.cell, loop.env.trays.pick
        observation = observe(cell, workspace)
        frame = cell.camera.capture()
        camera = cell.camera
        rng = np.random.default_rng(0)
        rows += [
            ("decision", _median(lambda: policy.choose(observation, rng, "train"))),
            ("camera frame", _median(cell.camera.capture)),
            (
                "heightmap",
                _median(
                    lambda: heightmap_from_depth(
                        frame.depth, camera.model, camera.T_base_camera, workspace
                    )
                ),
            ),
            (
                "240 physics steps, 15 objects",
                _median(lambda: simulation.physics.sleep(240 * TIME_STEP)),
            ),
        ]
        numbers = iter(range(10**6))
        durations: list[float] = []

        def attempt() -> None:
            durations.append(loop.attempt(next(numbers), "random").outcome.duration)

        rows.append(("attempt in one process", _median(attempt)))
    robot_time = float(np.median(durations))
    print(f"{method_name}, {torch.get_num_threads()} threads, median of {_REPEATS}")
    print(f"{'':32} {'time':>12} {'of a robot attempt':>20}")
    for name, seconds in [*rows, ("robot time an attempt", robot_time)]:
        print(f"{name:32} {1000 * seconds:9.1f} ms {100 * seconds / robot_time:18.1f} %")
    print(f"{'simulated / real time':32} {1.0 / rows[4][1]:9.1f}")


def _median(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def _batch(size: int) -> GraspBatch:
    rng = np.random.default_rng(0)
    heightmaps = torch.from_numpy(rng.uniform(0, 0.1, (size, 1, 128, 128)).astype(np.float32))
    pixels = torch.from_numpy(rng.integers(16, 112, (2, size)))
    bins = torch.from_numpy(rng.integers(0, 8, size))
    rewards = torch.arange(size).remainder(2).float()
    return GraspBatch(heightmaps, pixels[0], pixels[1], bins, rewards)
