"""Pushes and imagined grasps by several processes, a scene each."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from equigrasp.experiments.push_grasp.imagination import GraspImagination, ImaginedStep
from equigrasp.experiments.push_grasp.trials import simulated_trials
from equigrasp.experiments.push_grasp.worker_pool import worker_pool
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.push_grasp.policy import make_policy
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.registry import load_method
from equigrasp.seeding import Stream, derive_seed


@dataclass(frozen=True)
class PushJob:
    """Scenes of stage 2.

    Args:
        cell: Cell to simulate.
        objects: Object set.
        split: Part of it.
        method: Configuration.
        seed: Of the run.
        weights: Of stage 1.
        num_objects: Fewest and most of a scene.
        spread: Smallest and largest half side of the square that they are dropped over [m].
    """

    cell: str
    objects: str
    split: str
    method: str
    seed: int
    weights: Path
    num_objects: tuple[int, int]
    spread: tuple[float, float]


class PushWorker:
    """Imagines scenes of a job in one simulation; a context manager."""

    def __init__(self, job: PushJob) -> None:
        self._job, self._simulation = job, ExitStack()

    def __enter__(self) -> "PushWorker":
        job = self._job
        method, config = load_method(job.method)
        self._policy = make_policy(config, method.make_networks(config, job.seed))
        judge = None
        if config.training.judge == "first":
            judge = make_policy(config, method.make_networks(config, job.seed))
            load_trained_weights(judge, job.weights, config)
        self._trials = self._simulation.enter_context(
            simulated_trials(job.cell, job.objects, job.seed, job.split, make_rule(config))
        )
        self._imagination = GraspImagination(
            self._trials, self._policy, config.acting.max_pushes, config.training, judge
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._simulation.close()

    def imagine(
        self, scene: int, parameters: dict[str, torch.Tensor], version: int, epsilon: float
    ) -> list[ImaginedStep]:
        """Return what the scene of a number gives: it depends on the arguments and the job alone."""
        self._policy.load(parameters, version, "learner")
        job = self._job
        rng = np.random.default_rng(derive_seed(job.seed, Stream.PUSH_SCENES, scene))
        self._trials.drop_drawn(job.num_objects, job.spread, rng)
        return self._imagination.run(epsilon, rng)


class PushWorkers:
    """Some workers; a context manager.

    Args:
        job: Of all of them.
        num_processes: 1: in this process.
    """

    def __init__(self, job: PushJob, num_processes: int) -> None:
        self._own = PushWorker(job) if num_processes == 1 else None
        if num_processes > 1:
            self._pool = worker_pool(num_processes, job.method, _begin, job)

    def __enter__(self) -> "PushWorkers":
        if self._own is not None:
            self._own.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._own is not None:
            self._own.__exit__(*exc_info)
        else:
            self._pool.shutdown(cancel_futures=True)

    def imagine(
        self,
        scenes: Sequence[int],
        parameters: dict[str, torch.Tensor],
        version: int,
        epsilon: float,
    ) -> list[ImaginedStep]:
        """Return the steps of scenes, one scene after the other, all by the same weights.

        Args:
            scenes: Their numbers.
            parameters: Of the networks.
            version: Of the parameters.
            epsilon: Share of pushes that are not PushNet's.
        """
        if self._own is not None:
            return [
                step
                for scene in scenes
                for step in self._own.imagine(scene, parameters, version, epsilon)
            ]
        arrays = {name: tensor.numpy() for name, tensor in parameters.items()}
        task = partial(_imagine, parameters=arrays, version=version, epsilon=epsilon)
        return [step for steps in self._pool.map(task, scenes) for step in steps]


_workers: list[PushWorker] = []  # of a process of the pool: one


def _begin(job: PushJob) -> None:
    _workers.append(PushWorker(job).__enter__())


def _imagine(
    scene: int, parameters: dict[str, np.ndarray], version: int, epsilon: float
) -> list[ImaginedStep]:
    tensors = {name: torch.from_numpy(array) for name, array in parameters.items()}
    return _workers[0].imagine(scene, tensors, version, epsilon)
