"""Labelled scenes by several processes: each scene depends on the run's seed and its number alone."""

from collections.abc import Iterator
from concurrent.futures import as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from equigrasp.experiments.push_grasp.grasp_labels import (
    LabelPlan,
    collect_own_scene,
    collect_scene,
    scene_path,
)
from equigrasp.experiments.push_grasp.trials import simulated_trials
from equigrasp.experiments.push_grasp.worker_pool import worker_pool
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.registry import load_method
from equigrasp.seeding import Stream


@dataclass(frozen=True)
class LabelJob:
    """Scenes of one round.

    Args:
        folder: Where they go; it must exist.
        cell: Cell to simulate.
        objects: Object set.
        split: Part of it.
        method: Configuration.
        seed: Of the run.
        plan: Scenes and grasps.
        weights: File with the GraspNet whose own choices are tried; None: the heuristic's are.
    """

    folder: Path
    cell: str
    objects: str
    split: str
    method: str
    seed: int
    plan: LabelPlan
    weights: Path | None = None


class LabelWorker:
    """Collects scenes of a job in one simulation; a context manager."""

    def __init__(self, job: LabelJob) -> None:
        self._job, self._simulation = job, ExitStack()

    def __enter__(self) -> "LabelWorker":
        job = self._job
        method, config = load_method(job.method)
        self._policy = None
        if job.weights is not None:
            self._policy = method.make_policy(config, method.make_networks(config, job.seed))
            load_trained_weights(self._policy, job.weights, config)
        self._trials = self._simulation.enter_context(
            simulated_trials(job.cell, job.objects, job.seed, job.split, make_rule(config))
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._simulation.close()

    def collect(self, number: int) -> int:
        """Write the scene of a number, and return the number."""
        job = self._job
        if self._policy is None:
            scene = collect_scene(self._trials, job.plan, job.seed, number, Stream.LABELLED_SCENES)
        else:
            scene = collect_own_scene(
                self._trials, self._policy, job.plan, job.seed, number, Stream.OWN_SCENES
            )
        scene.save(scene_path(job.folder, number))
        return number


def collect_all(job: LabelJob, numbers: list[int], num_processes: int) -> Iterator[int]:
    """Write the scenes of some numbers, and yield each number as it is done.

    Args:
        job: What to collect.
        numbers: Of the scenes.
        num_processes: 1: in this process.
    """
    if num_processes == 1 or len(numbers) < 2:
        with LabelWorker(job) as worker:
            yield from map(worker.collect, numbers)
        return
    with worker_pool(num_processes, job.method, _begin, job) as pool:
        tasks = [pool.submit(_collect, number) for number in numbers]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)


_workers: list[LabelWorker] = []  # of a process of the pool: one


def _begin(job: LabelJob) -> None:
    _workers.append(LabelWorker(job).__enter__())


def _collect(number: int) -> int:
    return _workers[0].collect(number)
