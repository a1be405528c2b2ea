"""Episodes of a method in closed loop in a simulated tray, as it learns from them."""

import numpy as np

from equigrasp.environments.servo_grasp import SceneRules, ServoGraspEnv
from equigrasp.environments.servo_script import (
    AimedScript,
    MixedScript,
    Noise,
    NoisyScript,
    ServoScript,
    UniformScript,
)
from equigrasp.environments.servo_task import ServoTask
from equigrasp.experiments.rollouts.rollout_source import RolloutSource
from equigrasp.experiments.servo.script_policy import ScriptPolicy
from equigrasp.experiments.servo.task import task_of
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Policy
from equigrasp.learning.method import Method
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.servo_step import encode_action
from equigrasp.perception.observation import Observation
from equigrasp.perception.servo_observation import tcp_of
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.replay.step import Arrays
from equigrasp.seeding import SceneStream
from equigrasp.simulation.make import SimulatedCell

_NOISES = (0.2, 0.4)  # shares of steps that are disturbed


def make_source(
    method: Method[QtOptConfig],
    config: QtOptConfig,
    policy: Policy[GripperStep],
    simulation: SimulatedCell,
    split: str,
    seed: int,
    *,
    script: ServoScript | None = None,
    num_scripted: int | None = None,
) -> RolloutSource:
    """Return episodes of a run: the first by scripts, those that follow by the policy as it explores.

    Args:
        method: In closed loop.
        config: Its configuration.
        policy: Of the method.
        simulation: The cell.
        split: Part of the object set: `train`, `test` or `all`.
        seed: Of scenes and choices.
        script: Chooses in the first episodes; None: `mixed_script`.
        num_scripted: How many those are; None: as the configuration says.
    """
    task, rules, objects = task_of(config), SceneRules(), simulation.world.object_set
    environment = ServoGraspEnv(
        simulation.cell,
        simulation.world,
        OmplPlanner(simulation.cell),
        task,
        lambda number: objects.draw(
            split,
            rules.num_objects,
            np.random.default_rng([seed, SceneStream.OBJECTS, number]),
        ),
        seed,
        scenes=rules,
    )
    environment.reset()

    def encode(observation: Observation, step: GripperStep) -> Arrays:
        return encode_action(step, tcp_of(observation)[3], config.network.frame)

    return RolloutSource(
        method,
        config,
        policy,
        environment,
        seed,
        script=ScriptPolicy(script or mixed_script(task), encode),
        num_scripted=config.training.num_prior_episodes if num_scripted is None else num_scripted,
    )


def mixed_script(task: ServoTask) -> MixedScript:
    """Return scripts that begin a run: uniform and aimed, each as it is and disturbed (QT-Opt, appendix B).

    Scripts alone teach nothing of what they never do (table 9 of the paper).
    """
    scripts = [
        kind(task) if noise is None else NoisyScript(kind(task), task, Noise(epsilon=noise))
        for kind in (UniformScript, AimedScript)
        for noise in (None, *_NOISES)
    ]
    return MixedScript(scripts)
