"""Weights of push-grasp with a card: from files of the run alone."""

import json
from pathlib import Path

import pytest

from equigrasp.cli.main import main
from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import (
    load_weights,
    read_parameters,
    tensor_digest,
    write_weights,
)
from equigrasp.methods.registry import load_method
from equigrasp.simulation.clutter import open_workspace

METHOD = "push_grasp:tiny"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that has weights, and no evaluation of them."""
    method, config = load_method(METHOD)
    folder = RunFolder(tmp_path / "run")
    arguments = {
        "cell": "gantry",
        "method": METHOD,
        "objects": "household",
        "split": "train",
        "seed": "3",
        "labels": "simulation",
    }
    folder.begin(arguments, to_mapping(config), None)
    folder.weights.mkdir()
    tensors = read_parameters(method.make_networks(config, 3))
    write_weights(folder.weights / "policy_00000001.safetensors", tensors, {"version": "1"})
    return folder


def _evaluated(run: RunFolder, digest: str, taken: int, method: str = METHOD) -> None:
    result = {"targets": 50, "taken": taken, "gsr": taken / 50, "gsr_low": 0.5, "gsr_high": 0.9}
    task = {"num_objects": 10, "spread": 0.1, "layout": 0, "split": "test", "seed": 0}
    conditions = {
        "method": method,
        "task": task,
        "objects": "household",
        "cell": "gantry",
        "max_pushes": None,
        "masks": "truth",
        "weights": digest,
        "commit": "abc123",
    }
    found = {"conditions": conditions, "result": result | {"me": 0.8, "pushes_per_target": 0.25}}
    (run.path / "tasks").mkdir(exist_ok=True)
    (run.path / "tasks" / f"clutter_{taken}.json").write_text(json.dumps(found))


def test_a_card_tells_what_the_tasks_have_found(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish = ["publish", str(run.path), "--name", "pushes", "--out", str(tmp_path)]
    assert main(publish) != 0
    assert "equigrasp evaluate" in capsys.readouterr().err
    assert not (tmp_path / "pushes.safetensors").exists()
    _evaluated(run, "of others", 49)
    assert main(publish) != 0
    digest = tensor_digest(load_weights(run.newest_weights())[0])
    _evaluated(run, digest, 48, "push_grasp/no_push:tiny")  # acts with the same weights
    assert main(publish) != 0
    _evaluated(run, digest, 40)
    assert main([*publish, "--note", "Only a test."]) == 0
    card = (tmp_path / "pushes.md").read_text()
    assert (
        "80.0 % | 50.0–90.0 % | 80.0 % | 0.25 |" in card
        and "98.0 %" not in card
        and "96.0 %" not in card
    )
    assert "10 objects of `household`, split `test`, dropped over ± 100 mm" in card
    assert "seed 0, commit `abc123` |" in card
    assert "Only a test." in card and "learned from | 0 grasps" in card
    method, config = load_method(METHOD)
    policy = method.make_policy(config, method.make_networks(config, 0))
    cell = load_cell("gantry")
    path = tmp_path / "pushes.safetensors"
    facts = load_trained_weights(policy, path, config, [open_workspace(cell)], cell.gripper)
    assert facts["seed"] == "3" and facts["configuration"] == METHOD
    assert main(publish) != 0  # a name that is taken
