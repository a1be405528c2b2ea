"""Weights for `models/`: written only if they load, and answer a probe as they did where they were made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.trained_weights import PROBE, describe_weights, load_trained_weights
from equigrasp.learning.weight_store import write_weights
from equigrasp.methods.registry import load_method


def write_checked(
    path: Path,
    tensors: dict[str, torch.Tensor],
    method: str,
    config: Any,
    workspaces: Sequence[Workspace],
    gripper: str,
    facts: Mapping[str, str],
) -> str:
    """Write a weight file that says what it fits, and return its SHA-256.

    Args:
        path: Of the file.
        tensors: The weights.
        method: Name of the method's configuration.
        config: The configuration.
        workspaces: What the networks look at.
        gripper: What they were trained with.
        facts: Further entries of the metadata; `version` among them.

    Raises:
        WeightsError: if the weights do not pass the checks that loading makes.
    """
    described = describe_weights(method, config, workspaces[0], gripper, dict(facts))
    trial = path.with_suffix(".unchecked.safetensors")
    try:
        package = load_method(method)[0]
        policy = package.make_policy(config, package.make_networks(config, 0))
        policy.load(tensors, int(facts["version"]), path.stem)
        described[PROBE] = json.dumps(policy.probe().answers)
        sha256 = write_weights(trial, tensors, described)
        load_trained_weights(policy, trial, config, workspaces, gripper)
        trial.replace(path)
    finally:
        trial.unlink(missing_ok=True)
    return sha256
