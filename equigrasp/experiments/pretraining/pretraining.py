"""First weights without a grasp: a heuristic labels grasps in simulated scenes."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from tqdm import tqdm

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.environments.open_loop_grasp import observe
from equigrasp.environments.oracle import is_empty
from equigrasp.experiments.pretraining.scripted_labels import Label, ScriptedLabels
from equigrasp.experiments.rollouts.protocol import NUM_OBJECTS
from equigrasp.experiments.runs.run_folder import LABELS, RunFolder
from equigrasp.learning.grasping.grasp_step import grasp_step, quantize
from equigrasp.learning.interfaces import Trainer
from equigrasp.methods.registry import load_method
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import Step
from equigrasp.seeding import Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.stereo_noise import add_stereo_noise

_STAY_SHARE = 0.5  # of the bad choices take nothing away: the policy must look again
_TIME_TO_SETTLE = 0.3  # [s] for what leaned on an object that was taken away
_CLEAN_SHARE = 0.25  # of the scenes are learned as they are, the others as a camera shows them:
_MAX_NOISE = 2.0  # its noise, at most so many times a D400's,
_HEIGHT_ERROR, _TILT_ERROR = 0.0015, 0.0015  # and a calibration's, at centre and rim [m]
_AVERAGE_DECAY = 0.995  # the last weights alone were good or bad by chance
_SCENE = "scene"


def pretrain(arguments: dict[str, str], num_scenes: int, is_resume: bool | None) -> Path:
    """Learn from scripted labels, as if they were attempts, and return the run folder.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed` and `out`.
        num_scenes: Scenes in the run, those of before included.
        is_resume: See `RunFolder.begin`.
    """
    method, config = load_method(arguments["method"])
    # Bad labels are no news, as failures are; and nothing is known before.
    training = dataclasses.replace(
        config.training,
        num_failure_slots=0,
        first_weights="",
        prior_labels="",
        first_training_attempt=max(config.training.first_training_attempt, 20),
        steps_per_attempt=1,
        average_decay=_AVERAGE_DECAY,
    )
    config = dataclasses.replace(config, training=training)
    run, seed = RunFolder(Path(arguments["out"])), int(arguments["seed"])
    policy = method.make_policy(config, method.make_networks(config, seed))
    run.begin(arguments | {LABELS: "script"}, to_mapping(config), is_resume)
    workspace = load_cell(arguments["cell"]).workspaces[0]
    learner = method.make_trainer(config, run.path, seed, workspace)
    labels = ScriptedLabels(config, policy)
    logged = ExperienceLog(run.log, is_writing=False)
    scenes = [int(extras[_SCENE]) for _, extras in logged]
    first = scenes[-1] + 1 if scenes else 0
    try:
        while learner.num_pending_steps:  # of a run that was killed
            learner.train_pending(1)
        with (
            make_simulated_cell(
                arguments["cell"], object_set=arguments["objects"], seed=seed
            ) as simulation,
            tqdm(total=num_scenes, initial=min(first, num_scenes), unit="scene") as bar,
        ):
            tray = EmptyingTray(simulation, arguments["split"])
            for scene in range(first, num_scenes):
                rng = np.random.default_rng(derive_seed(seed, Stream.LABELLED_SCENES, scene))
                observation = tray.look(rng)
                seen = seen_by_a_camera(simulation, observation, rng)
                if not is_empty(observation) and not is_empty(seen):
                    policy.load(learner.weights(), learner.num_steps, "learner")
                    drawn = labels.draw(observation, seen, rng)
                    _learn(learner, seen.heightmap, drawn, scene)
                    tray.take_away(drawn[0], rng)
                bar.update()
                bar.set_postfix_str(
                    f"{learner.num_attempts} labels, {learner.num_successes} good, "
                    f"{learner.num_steps} steps"
                )
    finally:
        learner.publish()
        learner.close()
    return run.path


def seen_by_a_camera(
    simulation: SimulatedCell, observation: Observation, rng: np.random.Generator
) -> Observation:
    """Return a scene with a camera's faults, which labels know nothing of.

    Args:
        simulation: The cell, as it was when `observation` was made.
        observation: What a perfect camera sees.
        rng: Draws noise and errors of calibration, or neither.
    """
    if rng.random() < _CLEAN_SHARE:
        return observation
    camera, workspace = simulation.cell.camera, observation.workspace
    depth = add_stereo_noise(camera.capture().depth, rng, rng.uniform(0.0, _MAX_NOISE))
    heightmap = heightmap_from_depth(depth, camera.model, camera.T_base_camera, workspace)
    rim = np.linspace(-1.0, 1.0, len(heightmap))
    tilt = rng.normal(0.0, _TILT_ERROR, 2)
    error = rng.normal(0.0, _HEIGHT_ERROR) + tilt[0] * rim[:, None] + tilt[1] * rim
    return Observation.of_heightmap(np.clip(heightmap + error, 0.0, None), workspace)


def logged_labels(run: RunFolder) -> list[Step]:
    """Return the labels of a run; a good one has reward 1."""
    return [step for step, _ in ExperienceLog(run.log, is_writing=False)]


class EmptyingTray:
    """A simulated tray that loses what the policy chooses well, so that it meets what it leaves.

    Args:
        simulation: The cell; its first workspace is the tray.
        split: Part of the object set.
    """

    def __init__(self, simulation: SimulatedCell, split: str) -> None:
        self._simulation, self._split = simulation, split
        self._workspace = simulation.cell.config.workspaces[0]

    def look(self, rng: np.random.Generator) -> Observation:
        """Observe the tray; drop new objects into it if it is empty."""
        world = self._simulation.world
        observation = observe(self._simulation.cell, self._workspace)
        if is_empty(observation):
            world.reset(int(rng.integers(2**31)))
            names = world.object_set.draw(self._split, NUM_OBJECTS, rng)
            world.spawn_objects(names, self._workspace)
            observation = observe(self._simulation.cell, self._workspace)
        return observation

    def take_away(self, choice: Label, rng: np.random.Generator) -> None:
        """Remove the object that was chosen well; after a bad choice a random one, or none."""
        world = self._simulation.world
        if not choice.is_good and rng.random() < _STAY_SHARE:
            return
        objects = world.objects()
        chosen = objects[int(rng.integers(len(objects)))]
        if choice.is_good:
            grasp = self._workspace.pixel_to_xy(choice.pixel.row, choice.pixel.col)
            chosen = min(objects, key=lambda o: math.dist(o.pose.position[:2], grasp))
        world.remove_object(chosen.handle)
        self._simulation.physics.sleep(_TIME_TO_SETTLE)


def _learn(learner: Trainer, seen: np.ndarray, labels: list[Label], scene: int) -> None:
    heightmap = quantize(seen)
    for label in labels:
        pixel = label.pixel
        learner.add(
            grasp_step(
                heightmap,
                pixel.row,
                pixel.col,
                pixel.rotation_bin,
                float(label.is_good),
                learner.num_attempts,
            ),
            {_SCENE: scene},
        )
        learner.train_pending(learner.num_pending_steps)
