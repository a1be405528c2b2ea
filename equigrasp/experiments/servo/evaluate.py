"""Frozen weights, or a reference, in the main protocol of the closed loop."""

from pathlib import Path
from typing import Any

from equigrasp.environments.servo_script import AimedScript
from equigrasp.errors import ConfigError
from equigrasp.experiments.evaluation.evaluation import DEPTH_NOISE
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.experiments.servo.extent import Emptying
from equigrasp.experiments.servo.script_policy import ScriptPolicy
from equigrasp.experiments.servo.servo_evaluation import (
    Disturbance,
    ServoProtocol,
    evaluate_servo,
)
from equigrasp.experiments.servo.servo_strip import ServoStrips
from equigrasp.experiments.servo.task import task_of
from equigrasp.geometry.actions import GripperStep
from equigrasp.learning.interfaces import Policy
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.simulation.make import SimulatedCell


def evaluate_closed_loop(
    arguments: dict[str, str],
    chooser: str,
    weights: Path | None,
    num_episodes: int,
    out: Path,
    disturbance: Disturbance = "none",
    *,
    num_rounds: int = 0,
    num_pictures: int = 0,
) -> dict[str, Any]:
    """Run episodes without learning, or carry on running them; return `servo_evaluation.json`.

    Args:
        arguments: `cell`, `method`, `objects`, `split`, `seed`, and perhaps `depth_noise`.
        chooser: `learned`; `random`: any steps; `heuristic`: the aimed script.
        weights: Of `learned`.
        num_episodes: In all.
        out: Folder; a disturbance, and emptying, have a subfolder of their own.
        disturbance: See `ServoProtocol`.
        num_rounds: Full trays that are emptied, in the place of episodes; 0: none.
        num_pictures: Episodes that are drawn, into the subfolder `strips`.

    Raises:
        ConfigError: if the chooser is none of these, or has nothing to draw, or another process is at work in
            the folder.
        WeightsError: if the weights do not fit method and cell.
    """
    _check(chooser, num_pictures)
    _, config = load_method(arguments["method"])
    task = task_of(config)
    protocol = ServoProtocol(
        cell=arguments["cell"],
        objects=arguments["objects"],
        split=arguments["split"],
        seed=int(arguments["seed"]),
        disturbance=disturbance,
        depth_noise=arguments.get(DEPTH_NOISE, ""),
    )

    out = out if disturbance == "none" else out / disturbance
    out = out / "emptying" if num_rounds else out
    strips = ServoStrips(out / "strips", num_pictures, config.network.pixel_size, task.largest)
    return evaluate_servo(
        protocol,
        task,
        lambda simulation: _policy(arguments, chooser, weights, simulation),
        num_episodes,
        out,
        named=_named(arguments, chooser, weights),
        mode="random" if chooser == "random" else "greedy",
        emptying=Emptying(num_rounds) if num_rounds else None,
        strips=strips if num_pictures else None,
    )


def _check(chooser: str, num_pictures: int) -> None:
    if chooser not in ("learned", "random", "heuristic"):
        raise ConfigError(
            f"--policy '{chooser}' does not act in closed loop; learned, random and heuristic do."
        )
    if num_pictures and chooser != "learned":
        raise ConfigError(f"--draw shows what a Q-network values, which '{chooser}' has none of.")


def _named(arguments: dict[str, str], chooser: str, weights: Path | None) -> dict[str, str]:
    """Return what names a policy in the results."""
    return {
        "policy": chooser,
        "method": arguments["method"],
        "weights": "" if weights is None else weights.name,
        "weights_digest": "" if weights is None else tensor_digest(load_weights(weights)[0]),
        "commit": commit(),
    }


def _policy(
    arguments: dict[str, str], chooser: str, weights: Path | None, simulation: SimulatedCell
) -> Policy[GripperStep]:
    """Return the policy that is measured; see `evaluate_closed_loop`."""
    method, config = load_method(arguments["method"])
    if chooser == "heuristic":
        return ScriptPolicy(AimedScript(task_of(config)))
    modules = method.make_networks(config, int(arguments["seed"]))
    policy: Policy[GripperStep] = method.make_policy(config, modules)
    if weights is not None:
        cell = simulation.cell.config
        load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
    return policy
