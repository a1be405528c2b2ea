"""Weights of a method in closed loop with their card."""

import contextlib
import json
import sys
from pathlib import Path

import pytest

from equigrasp.errors import ConfigError
from equigrasp.experiments.rollouts.prior_data import PriorData
from equigrasp.experiments.rollouts.train import train
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.experiments.servo.publication import publish_closed_loop
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.qt_opt.servo_step import make_spec
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog

sys.path.append(str(Path(__file__).parents[2] / "methods"))
from servo_steps import WORKSPACE, make_run  # noqa: E402

METHOD = "qt_opt:tiny"


def learn(folder: Path) -> RunFolder:
    """Return a run that learned from a log of six made-up episodes alone."""
    _, config = load_method(METHOD)
    path = folder / "first" / "experience.log"
    path.parent.mkdir()
    with contextlib.closing(ExperienceLog(path, make_spec(config, WORKSPACE))) as log:
        for step in make_run(config, 24):
            log.append(step, {})
    arguments = {"method": METHOD, "cell": "ur5", "objects": "household", "split": "train"}
    arguments |= {"seed": "0", "weights": "", "out": str(folder / "run")}
    return RunFolder(train(arguments, 0, None, PriorData((str(path),), 3)))


def test_a_card_says_what_was_learned_from_and_what_was_measured(tmp_path: Path) -> None:
    run = learn(tmp_path)
    weights, out = run.newest_weights(), tmp_path / "models"
    with pytest.raises(ConfigError, match=r"no evaluation of policy_00000003.*evaluate"):
        publish_closed_loop(run, "toy", weights, out, "", print)
    digest = tensor_digest(load_weights(weights)[0])
    found = {"method": METHOD, "weights_digest": digest, "policy": "learned", "commit": "abc"}
    found |= {"objects": "household", "split": "test", "cell": "ur5", "seed": 1000, "steps": 7.5}
    for folder, successes, change in (
        (run.path, 30, {"disturbance": "none"}),
        (run.path / "moved", 20, {"disturbance": "moved"}),
        (run.path / "heuristic", 40, {"disturbance": "none", "policy": "heuristic"}),
    ):
        rate = {"episodes": 40, "successes": successes, "success_rate": successes / 40}
        rate |= {"interval_95": wilson_interval(successes, 40)}
        folder.mkdir(exist_ok=True)
        (folder / "servo_evaluation.json").write_text(json.dumps(found | rate | change))
    card = publish_closed_loop(run, "toy", weights, out, "A sentence.", print).read_text()
    assert "no attempts of its own; beside them as prior data 24 transitions (6 episodes" in card
    rows = [line for line in card.splitlines() if "split `test`" in line]
    assert [("75 %" in r, "50 %" in r and "moved" in r) for r in rows] == [
        (True, False),
        (False, True),
    ]
    assert str(tmp_path) not in card and "first/experience.log" in card
    assert load_weights(out / "toy.safetensors")[1]["configuration"] == METHOD
