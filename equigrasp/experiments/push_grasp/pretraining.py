"""`equigrasp pretrain --method push_grasp`: labels in two rounds, then all networks, one after the other.

Each stage leaves whole files behind and begins where they end, so a run that is stopped anywhere carries
on, with the same weights at the end.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.push_grasp.calibration import Reliability, calibrate
from equigrasp.experiments.push_grasp.grasp_labels import LabelPlan, scene_path
from equigrasp.experiments.push_grasp.grasp_training import Pass, Stage, run_stage
from equigrasp.experiments.push_grasp.imagination import GraspImagination
from equigrasp.experiments.push_grasp.label_workers import LabelJob, collect_all
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.experiments.runs.claims import write_json
from equigrasp.experiments.runs.run_folder import LABELS, RunFolder
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.method import Method
from equigrasp.learning.trained_weights import describe_weights, load_trained_weights
from equigrasp.learning.weight_store import read_parameters, write_weights
from equigrasp.methods.push_grasp.config import PushGraspConfig, StageConfig
from equigrasp.methods.push_grasp.decision_step import PUSH_KIND
from equigrasp.methods.push_grasp.networks import CRITIC, GRASP, SEGMENTER, THRESHOLD
from equigrasp.methods.push_grasp.policy import make_policy
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.push_grasp.stages import (
    train_critic,
    train_grasp_net,
    train_segmenter,
)
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.grasp_scenes import GraspScene
from equigrasp.replay.step import Step
from equigrasp.replay.step_record import Extras
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.make import make_simulated_cell

_LOGGER = logging.getLogger(__name__)
_SCENE, _SIZE, _SGD = "scene", "scene_steps", "sgd_steps"  # extras of a step in the log


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
        num_processes: That label scenes; the result does not depend on it.
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
        self._run.begin(arguments | {LABELS: "simulation"}, to_mapping(config), is_resume)
        torch.set_num_threads(config.training.num_threads)

    @property
    def folder(self) -> Path:
        """Run folder."""
        return self._run.path

    def run(self) -> Path:
        """Do what is left to do, and return the weights."""
        modules = self._method.make_networks(self._config, self._seed)
        first = self._collect("labels", self._amounts.num_scenes, None)
        self._train_grasp_net("grasp_round_1", modules, first)
        round_1 = self._write("round_1", modules)
        own = self._collect(
            "own_labels",
            round(self._config.training.own_share * self._amounts.num_scenes),
            round_1,
        )
        self._train_grasp_net("grasp", modules, first + own)
        self._train_critic(modules, first + own)
        self._train_segmenter(modules, first + own)
        stage_1 = self._write("stage_1", modules)
        with make_simulated_cell(
            self._arguments["cell"], object_set=self._arguments["objects"], seed=self._seed
        ) as simulation:
            trials = Trials(simulation, make_rule(self._config), self._arguments["split"])
            modules = self._learn_pushes(trials, stage_1)
            self._calibrate(trials, modules)
        return self._write("policy_00000001", modules)

    def _collect(self, name: str, count: int, weights: Path | None) -> list[GraspScene]:
        """Return labelled scenes, those of before from disk."""
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
        return [GraspScene.load(scene_path(folder, k)) for k in range(count)]

    def _train_grasp_net(
        self, name: str, modules: dict[str, torch.nn.Module], scenes: list[GraspScene]
    ) -> None:
        """Learn from scenes, from untrained weights on: the second round forgets no first one."""
        fresh = self._method.make_networks(self._config, self._seed)[GRASP]
        modules[GRASP].load_state_dict(fresh.state_dict())
        config = self._config
        self._run_stage(
            name,
            config.grasp_training,
            modules[GRASP],
            lambda net, adam, rng: train_grasp_net(net, adam, scenes, config, rng),
        )

    def _train_critic(self, modules: dict[str, torch.nn.Module], scenes: list[GraspScene]) -> None:
        config, pixel_size = self._config, self._workspace.pixel_size
        self._run_stage(
            "critic",
            config.critic_training,
            modules[CRITIC],
            lambda net, adam, rng: train_critic(net, adam, scenes, config, pixel_size, rng),
        )

    def _train_segmenter(
        self, modules: dict[str, torch.nn.Module], scenes: list[GraspScene]
    ) -> None:
        config = self._config
        self._run_stage(
            "segmenter",
            config.segmenter_training,
            modules[SEGMENTER],
            lambda net, adam, rng: train_segmenter(net, adam, scenes, config, rng),
        )

    def _run_stage(
        self, name: str, config: StageConfig, network: torch.nn.Module, one_pass: Pass
    ) -> None:
        run_stage(Stage(name, config, self._seed), network, one_pass, self.folder)

    def _learn_pushes(self, trials: Trials, stage_1: Path) -> dict[str, torch.nn.Module]:
        """Stage 2: imagine grasps, push where they fail, and learn from both; return the networks."""
        config = self._config
        trainer = self._method.make_trainer(
            config, self.folder / "pushes", self._seed, self._workspace, weights=stage_1
        )
        policy = make_policy(config, self._method.make_networks(config, self._seed))
        judge = None
        if config.training.judge == "first":
            judge = make_policy(config, self._method.make_networks(config, self._seed))
            load_trained_weights(judge, stage_1, config)
        imagination = GraspImagination(
            trials, policy, config.acting.max_pushes, config.training, judge
        )
        log = ExperienceLog(self.folder / "pushes" / "experience.log", is_writing=False)
        progress = _Progress.of(log)
        goal = self._amounts.num_pushes
        try:
            with tqdm(total=goal, initial=min(progress.pushes, goal), unit="push") as bar:
                while progress.pushes < goal or progress.is_partial:
                    if progress.is_partial:  # the scene is imagined again by the weights of then
                        trainer.train_pending(progress.sgd_steps - trainer.num_steps)
                    else:
                        trainer.train_pending(trainer.num_pending_steps)
                        progress = progress.next_scene(trainer.num_steps)
                    policy.load(trainer.weights(), trainer.num_steps, "learner")
                    rng = np.random.default_rng(
                        derive_seed(self._seed, Stream.PUSH_SCENES, progress.scene)
                    )
                    amounts = self._amounts
                    trials.drop_drawn(amounts.push_objects, amounts.push_spread, rng)
                    steps = imagination.run(config.training.epsilon(progress.pushes), rng)
                    extras: Extras = {
                        _SCENE: progress.scene,
                        _SIZE: len(steps),
                        _SGD: progress.sgd_steps,
                    }
                    for step in steps[progress.written :]:
                        index = trainer.num_attempts
                        trainer.add(
                            Step(index, index, step.observation, step.action, step.reward), extras
                        )
                    pushes = sum(int(s.action["kind"]) == PUSH_KIND for s in steps)
                    progress = progress.completed(pushes)
                    bar.update(pushes)
                    bar.set_postfix_str(f"scene {progress.scene}, {trainer.num_steps} steps")
                trainer.train_pending(trainer.num_pending_steps)
        finally:
            trainer.close()
        modules = self._method.make_networks(config, self._seed)
        make_policy(config, modules).load(trainer.weights(), 1, "learner")
        return modules

    def _calibrate(self, trials: Trials, modules: dict[str, torch.nn.Module]) -> Reliability:
        """Set the threshold from scenes that nothing was learned from."""
        policy = make_policy(self._config, modules)
        found = calibrate(
            trials, policy, self._seed, self._amounts.num_validation, self.folder / "validation"
        )
        with torch.no_grad():
            modules[THRESHOLD].value.fill_(found.threshold)  # type: ignore[operator,union-attr]
        write_json(self.folder / "calibration.json", found.to_mapping())
        _LOGGER.info("%s", found)
        return found

    def _write(self, name: str, modules: dict[str, torch.nn.Module]) -> Path:
        path = self._run.weights / f"{name}.safetensors"
        cell = load_cell(self._arguments["cell"])
        facts = describe_weights(
            self._arguments["method"], self._config, self._workspace, cell.gripper, {}
        )
        write_weights(path, read_parameters(modules), facts | {"version": "1"})
        return path


@dataclass(frozen=True)
class _Progress:
    """How far stage 2 has come.

    Args:
        scene: The present scene, or the last one.
        written: Steps of it in the log.
        is_partial: Whether more of it must be written.
        sgd_steps: Taken before it.
        pushes: Of the scenes before it, and of it where it is whole.
    """

    scene: int = -1
    written: int = 0
    is_partial: bool = False
    sgd_steps: int = 0
    pushes: int = 0

    @classmethod
    def of(cls, log: ExperienceLog) -> "_Progress":
        """Return what a log tells."""
        progress, pushes_here = cls(), 0
        for step, extras in log:
            scene, size = int(extras[_SCENE]), int(extras[_SIZE])
            if scene != progress.scene:
                progress = cls(scene, 0, False, int(extras[_SGD]), progress.pushes + pushes_here)
                pushes_here = 0
            pushes_here += int(step.action["kind"]) == PUSH_KIND
            written = progress.written + 1
            progress = cls(scene, written, written < size, progress.sgd_steps, progress.pushes)
        return progress if progress.is_partial else progress.completed(pushes_here)

    def next_scene(self, sgd_steps: int) -> "_Progress":
        """Return the progress as a scene begins after so many SGD steps."""
        return _Progress(self.scene + 1, 0, False, sgd_steps, self.pushes)

    def completed(self, pushes: int) -> "_Progress":
        """Return the progress as the scene is whole, with its pushes."""
        return _Progress(self.scene, self.written, False, self.sgd_steps, self.pushes + pushes)


def pretrain(arguments: dict[str, str], amounts: Amounts, is_resume: bool | None) -> Path:
    """Train the three networks in simulation, and return the run folder; see `PushGraspPretraining`."""
    training = PushGraspPretraining(arguments, amounts, is_resume)
    training.run()
    return training.folder
