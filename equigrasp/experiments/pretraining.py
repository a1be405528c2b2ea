"""First weights without a single grasp: a script labels grasps in simulated scenes."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from equigrasp.environments.open_loop_grasp import observe
from equigrasp.environments.oracle import Oracle, OracleConfig, is_empty
from equigrasp.experiments.run_folder import RunFolder
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.learning.async_learner import AsyncLearner
from equigrasp.learning.interfaces import Policy
from equigrasp.learning.seeding import derive_seed
from equigrasp.methods.registry import load_method
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.transition import GraspTransition, quantize
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.stereo_noise import add_stereo_noise

LABELS = "labels"  # the argument of a run folder that tells its log holds labels, not attempts
_MAX_OBJECTS = 15
_NUM_OWN = 4  # grasps of a scene that the policy itself would try, more and more at random
_NUM_DRAWS = 200  # random grasps that are rated in a scene, at most
_NUM_GOOD, _NUM_BAD = 4, 3  # of them kept; each good one also with another yaw that is bad
_GOOD_SCORE, _BAD_SCORE = 1.5, 0.5  # what lies between them gets no label
_CLEAN_SHARE = 0.25  # of the scenes are learned as they are, the others as a camera shows them:
_MAX_NOISE = 2.0  # its noise, at most so many times a D400's,
_HEIGHT_ERROR, _TILT_ERROR = (
    0.0015,
    0.0015,
)  # and of its calibration: deviations at centre and rim [m]
_AVERAGE_DECAY = 0.995  # the last weights alone were good or bad by chance
_SCENE = "scene"


@dataclass(frozen=True)
class Label:
    """A grasp and what the script says of it."""

    pixel: PixelGrasp
    is_good: bool


class ScriptedLabels:
    """Labels grasps by what the heightmap shows between and under the fingers.

    Half are random grasps. The others are what the policy itself would choose: among thousands of
    pixels it finds those of which it wrongly thinks well, and random ones hardly ever are among these.
    The height rule is the policy's; see `Oracle` for what a good grasp is.

    Args:
        method: A configuration with `acting` and `network.num_rotations`.
        policy: Chooses the grasps.
    """

    def __init__(self, method: Any, policy: Policy) -> None:
        acting = method.acting
        self._num_rotations = int(method.network.num_rotations)
        self._policy = policy
        self._script = Oracle(
            OracleConfig(
                num_rotations=self._num_rotations,
                finger_depth=acting.finger_depth,
                edge_depth=acting.edge_depth,
                wall_depth=acting.wall_depth,
                width=acting.width,
                lowest=0.01,  # as the policy's height rule
            )
        )

    def draw(
        self, observation: Observation, seen: Observation, rng: np.random.Generator
    ) -> list[Label]:
        """Return labels of a scene: of the policy's choices, and of random grasps.

        Args:
            observation: The scene as it is, by which the script judges.
            seen: The same as a camera sees it, by which the policy chooses.
            rng: All randomness.
        """
        return self._draw_own(observation, seen, rng) + self._draw_random(observation, rng)

    def _draw_own(
        self, observation: Observation, seen: Observation, rng: np.random.Generator
    ) -> list[Label]:
        """Label up to 4 choices of the policy, and another yaw there that is good if one is bad."""
        labels: list[Label] = []
        for number in range(_NUM_OWN):
            pixel = self._policy.choose(seen, rng, "greedy", number).pixel
            is_good = self._judge(observation, pixel)
            if is_good is None:
                continue
            labels.append(Label(pixel, is_good))
            others = [] if is_good else self._other_yaws(pixel)
            better = [p for p in others if self._judge(observation, p)]
            if better:
                labels.append(Label(better[int(rng.integers(len(better)))], True))
        return labels

    def _draw_random(self, observation: Observation, rng: np.random.Generator) -> list[Label]:
        """Return up to 4 good ones, the same pixels with a bad yaw, and 3 bad ones."""
        labels: list[Label] = []
        num_good = num_bad = 0
        for _ in range(_NUM_DRAWS):
            if num_good == _NUM_GOOD and num_bad == _NUM_BAD:
                break
            pixel = self._policy.choose(observation, rng, "random").pixel
            is_good = self._judge(observation, pixel)
            if is_good and num_good < _NUM_GOOD:
                num_good += 1
                labels.append(Label(pixel, True))
                others = self._other_yaws(pixel)
                other = others[int(rng.integers(len(others)))]
                if self._judge(observation, other) is False:
                    labels.append(Label(other, False))
            elif is_good is False and num_bad < _NUM_BAD:
                num_bad += 1
                labels.append(Label(pixel, False))
        return labels

    def _other_yaws(self, pixel: PixelGrasp) -> list[PixelGrasp]:
        bins = (b for b in range(self._num_rotations) if b != pixel.rotation_bin)
        return [PixelGrasp(pixel.row, pixel.col, b) for b in bins]

    def _judge(self, observation: Observation, pixel: PixelGrasp) -> bool | None:
        """Tell whether a grasp is good; None where the script is not sure."""
        score = self._script.rate(observation, pixel.row, pixel.col, pixel.rotation_bin)
        if score is None or score < _BAD_SCORE:
            return False
        return True if score > _GOOD_SCORE else None


def pretrain(arguments: dict[str, str], num_scenes: int, is_resume: bool | None) -> Path:
    """Learn from scripted labels, as if they were attempts, and return the run folder.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed` and `out`.
        num_scenes: Scenes in the run, those of before included.
        is_resume: See `RunFolder.begin`.
    """
    package, method = load_method(arguments["method"])
    # Bad labels are no news, as failures are; and nothing is known before.
    training = dataclasses.replace(
        method.training,
        num_failure_slots=0,
        first_weights="",
        prior_labels="",
        first_training_attempt=max(method.training.first_training_attempt, 20),
        steps_per_attempt=1,
        average_decay=_AVERAGE_DECAY,
    )
    method = dataclasses.replace(method, training=training)
    run, seed = RunFolder(Path(arguments["out"])), int(arguments["seed"])
    policy = package.make_policy(method, package.make_networks(method, seed))
    run.begin(arguments | {LABELS: "script"}, method, is_resume)
    learner = AsyncLearner(run.path, package, method, seed)
    labels = ScriptedLabels(method, policy)
    scenes = [int(extras[_SCENE]) for _, extras in learner.log]
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
            for scene in range(first, num_scenes):
                rng = np.random.default_rng(derive_seed(seed, 30, scene))
                observation = _set_scene(simulation, arguments["split"], rng)
                seen = seen_by_a_camera(simulation, observation, rng)
                if not is_empty(observation) and not is_empty(seen):
                    policy.load(learner.weights(), learner.num_steps, "learner")
                    drawn = labels.draw(observation, seen, rng)
                    _learn(learner, seen.heightmap, drawn, scene)
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
    return Observation(np.clip(heightmap + error, 0.0, None), workspace)


def logged_labels(run: RunFolder) -> list[GraspTransition]:
    """Return the labels of a run; a good one has reward 1."""
    return [transition for transition, _ in ExperienceLog(run.log, is_writing=False)]


def _set_scene(simulation: SimulatedCell, split: str, rng: np.random.Generator) -> Observation:
    """Drop some objects into the first tray and look at them."""
    world, workspace = simulation.world, simulation.cell.config.workspaces[0]
    names = world.object_set.draw(split, int(rng.integers(1, _MAX_OBJECTS + 1)), rng)
    world.reset(int(rng.integers(2**31)))
    world.spawn_objects(names, workspace)
    return observe(simulation.cell, workspace)


def _learn(learner: AsyncLearner, seen: np.ndarray, labels: list[Label], scene: int) -> None:
    heightmap = quantize(seen)
    for label in labels:
        pixel = label.pixel
        learner.add(
            GraspTransition(
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
