"""The stages that learn from labelled scenes; those that do not need each other run side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from equigrasp.experiments.push_grasp.grasp_labels import scene_path
from equigrasp.experiments.push_grasp.grasp_training import Stage, run_stage
from equigrasp.experiments.push_grasp.worker_pool import worker_pool
from equigrasp.methods.push_grasp.config import PushGraspConfig, StageConfig
from equigrasp.methods.push_grasp.networks import CRITIC, GRASP, SEGMENTER
from equigrasp.methods.push_grasp.stages import train_critic, train_grasp_net, train_segmenter
from equigrasp.methods.registry import load_method
from equigrasp.replay.grasp_scenes import GraspScene

OnePass = Callable[
    [
        torch.nn.Module,
        torch.optim.Optimizer,
        Sequence[GraspScene],
        PushGraspConfig,
        np.random.Generator,
    ],
    Iterator[float],
]


@dataclass(frozen=True)
class StageJob:
    """A network to be taught by labelled scenes.

    Args:
        name: Of the stage; its checkpoint is named after it.
        network: Which one learns.
        method: Configuration.
        seed: Of the run.
        folder: Where the checkpoint goes.
        scenes: Folders of labelled scenes, and how many of each.
    """

    name: str
    network: str
    method: str
    seed: int
    folder: Path
    scenes: tuple[tuple[Path, int], ...]


def run_jobs(jobs: Sequence[StageJob], num_processes: int) -> dict[str, torch.nn.Module]:
    """Finish stages that do not need each other, and return their networks by name.

    Args:
        jobs: Each goes on from its checkpoint.
        num_processes: That learn at once; the result does not depend on it.
    """
    if num_processes > 1 and len(jobs) > 1:
        with worker_pool(num_processes, jobs[0].method) as pool:
            list(pool.map(_finish, jobs))
    return {job.network: _run(job) for job in jobs}  # what is finished is only read


def _finish(job: StageJob) -> None:
    _run(job)


def _run(job: StageJob) -> torch.nn.Module:
    method, config = load_method(job.method)
    network: torch.nn.Module = method.make_networks(config, job.seed)[job.network]
    stage_config, one_pass = _STAGES[job.network](config)

    @cache
    def scenes() -> list[GraspScene]:  # read by a stage that has epochs left
        return [
            GraspScene.load(scene_path(folder, k))
            for folder, count in job.scenes
            for k in range(count)
        ]

    run_stage(
        Stage(job.name, stage_config, job.seed),
        network,
        lambda net, adam, rng: one_pass(net, adam, scenes(), config, rng),
        job.folder,
    )
    return network


_STAGES: dict[str, Callable[[PushGraspConfig], tuple[StageConfig, OnePass]]] = {
    GRASP: lambda config: (config.grasp_training, train_grasp_net),
    CRITIC: lambda config: (config.critic_training, train_critic),
    SEGMENTER: lambda config: (config.segmenter_training, train_segmenter),
}
