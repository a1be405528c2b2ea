"""`equigrasp pretrain --method push_grasp`: labels in two rounds, then all networks, one after the other.

Each stage leaves whole files behind and begins where they end, so a run that is stopped anywhere carries
on, with the same weights at the end.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError
from equigrasp.experiments.push_grasp.calibration import calibrate
from equigrasp.experiments.push_grasp.grasp_labels import LabelPlan, scene_path
from equigrasp.experiments.push_grasp.label_workers import LabelJob, collect_all
from equigrasp.experiments.push_grasp.push_learning import learn_pushes, num_pushes_in
from equigrasp.experiments.push_grasp.push_workers import PushJob
from equigrasp.experiments.push_grasp.stage_jobs import StageJob, run_jobs
from equigrasp.experiments.push_grasp.trials import simulated_trials
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.run_folder import LABELS, RunFolder
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.method import Method
from equigrasp.learning.trained_weights import describe_weights
from equigrasp.learning.weight_store import read_parameters, tensor_digest, write_weights
from equigrasp.methods.push_grasp.config import PushGraspConfig
from equigrasp.methods.push_grasp.networks import CRITIC, GRASP, SEGMENTER, THRESHOLD
from equigrasp.methods.push_grasp.policy import PushGraspPolicy, make_policy
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.registry import load_method
from equigrasp.simulation.clutter import open_workspace

_LOGGER = logging.getLogger(__name__)
_SCENES = "scenes"  # the argument that tells how many are labelled
_LABELS, _PUSHES = "labels", "pushes"  # folders of the first scenes, and of stage 2


@dataclass(frozen=True)
class Amounts:
    """How much is simulated.

    Args:
        num_scenes: Labelled scenes of round 1.
        num_pushes: Of stage 2.
        num_validation: Scenes that the threshold is chosen on.
        labels: Scenes and grasps of both rounds.
        push_objects: Fewest and most objects of a scene of stage 2.
        push_spread: Smallest and largest half side of the square that they are dropped over [m]; dense
            scenes, where pushes are needed.
        num_processes: At work at once; the result does not depend on it.
    """

    num_scenes: int = 400
    num_pushes: int = 2000
    num_validation: int = 60
    labels: LabelPlan = field(default_factory=LabelPlan)
    push_objects: tuple[int, int] = (4, 25)
    push_spread: tuple[float, float] = (0.05, 0.11)
    num_processes: int = 1


class PushGraspPretraining:
    """One whole training in a run folder.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed` and `out`.
        amounts: How much is simulated.
        is_resume: See `RunFolder.begin`.
    """

    def __init__(
        self, arguments: dict[str, str], amounts: Amounts, is_resume: bool | None
    ) -> None:
        method, config = load_method(arguments["method"])
        self._method: Method[PushGraspConfig] = method
        self._config: PushGraspConfig = config
        self._arguments, self._amounts = arguments, amounts
        self._seed = int(arguments["seed"])
        self._run = RunFolder(Path(arguments["out"]))
        self._workspace: Workspace = open_workspace(load_cell(arguments["cell"]))
        self._begin(to_mapping(config), is_resume)
        torch.set_num_threads(config.training.num_threads)

    def _begin(self, method: dict[str, Any], is_resume: bool | None) -> None:
        """Create the run folder, or check that it is the same run."""
        scenes = str(self._amounts.num_scenes)
        given = self._arguments | {LABELS: "simulation", _SCENES: scenes}
        self._run.begin(given, method, is_resume)
        before = self._run.read_config()["arguments"].get(_SCENES, scenes)
        if before != scenes:
            raise ConfigError(
                f"'{self.folder}' holds a run with {before} labelled scenes, not {scenes}: networks that "
                "have learned from the ones would not learn from the others. Choose another folder with --out."
            )

    @property
    def folder(self) -> Path:
        """Run folder."""
        return self._run.path

    def run(self) -> Path:
        """Do what is left to do, and return the weights."""
        first = self._collect(_LABELS, self._amounts.num_scenes, None)
        modules = self._method.make_networks(self._config, self._seed)
        modules |= self._learn([("grasp_round_1", GRASP)], [first])
        own = self._collect(
            "own_labels",
            round(self._config.training.own_share * self._amounts.num_scenes),
            self._write("round_1", modules),
        )
        stages = [("critic", CRITIC), ("grasp", GRASP), ("segmenter", SEGMENTER)]  # longest first
        modules |= self._learn(stages, [first, own])
        parameters = learn_pushes(
            self._push_job(self._write("stage_1", modules)),
            self.folder / _PUSHES,
            [folder for folder, count in (first, own) if count],
            self._workspace,
            self._amounts.num_pushes,
            self._amounts.num_processes,
        )
        policy = make_policy(self._config, modules)
        policy.load(parameters, 1, "learner")
        self._calibrate(policy, modules)
        return self._write("policy_00000001", modules)

    def _push_job(self, weights: Path) -> PushJob:
        given, amounts = self._arguments, self._amounts
        return PushJob(
            given["cell"],
            given["objects"],
            given["split"],
            given["method"],
            self._seed,
            weights,
            amounts.push_objects,
            amounts.push_spread,
        )

    def _collect(self, name: str, count: int, weights: Path | None) -> tuple[Path, int]:
        """Label the scenes that are missing; return the folder, and how many it holds."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        given = self._arguments
        job = LabelJob(
            folder,
            given["cell"],
            given["objects"],
            given["split"],
            given["method"],
            self._seed,
            self._amounts.labels,
            weights,
        )
        missing = [k for k in range(count) if not scene_path(folder, k).exists()]
        if missing:
            with tqdm(
                total=count,
                initial=count - len(missing),
                unit="scene",
                desc=name.replace("_", " "),
            ) as bar:
                for _ in collect_all(job, missing, self._amounts.num_processes):
                    bar.update()
        return folder, count

    def _learn(
        self, stages: Sequence[tuple[str, str]], scenes: Sequence[tuple[Path, int]]
    ) -> dict[str, torch.nn.Module]:
        """Teach networks, each from untrained weights on: a second round forgets no first one."""
        method, folder = self._arguments["method"], self.folder
        jobs = [
            StageJob(name, network, method, self._seed, folder, tuple(scenes))
            for name, network in stages
        ]
        return run_jobs(jobs, self._amounts.num_processes)

    def _calibrate(self, policy: PushGraspPolicy, modules: dict[str, torch.nn.Module]) -> None:
        """Set the threshold from scenes that nothing was learned from."""
        given = self._arguments
        rule, folder = make_rule(self._config), self.folder / "validation"
        with simulated_trials(
            given["cell"], given["objects"], self._seed, given["split"], rule
        ) as trials:
            found = calibrate(
                trials,
                policy,
                self._seed,
                self._amounts.num_validation,
                folder / tensor_digest(read_parameters(modules))[:12],
            )
        with torch.no_grad():
            modules[THRESHOLD].value.fill_(found.threshold)  # type: ignore[operator,union-attr]
        write_json(self.folder / "calibration.json", found.to_mapping())
        _LOGGER.info("%s", found)

    def _write(self, name: str, modules: dict[str, torch.nn.Module]) -> Path:
        path = self._run.weights / f"{name}.safetensors"
        cell = load_cell(self._arguments["cell"])
        facts = describe_weights(
            self._arguments["method"], self._config, self._workspace, cell.gripper, {}
        )
        write_weights(path, read_parameters(modules), facts | {"version": "1"})
        return path


def pretrain(arguments: dict[str, str], amounts: Amounts, is_resume: bool | None) -> Path:
    """Train the three networks in simulation, and return the run folder; see `PushGraspPretraining`."""
    training = PushGraspPretraining(arguments, amounts, is_resume)
    training.run()
    return training.folder


def share_simulated(folder: Path, amounts: Amounts) -> float:
    """Return how much of a training in a run folder has been simulated, 0 to 1.

    Scenes of the first round and pushes count alike; what is learned between, and the second round, do not.
    """
    scenes = sum(scene_path(folder / _LABELS, k).exists() for k in range(amounts.num_scenes))
    pushes = min(num_pushes_in(folder / _PUSHES), amounts.num_pushes)
    return (scenes + pushes) / (amounts.num_scenes + amounts.num_pushes)
