"""Weights, card and pictures from a run folder."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from equigrasp.cli.main import main
from equigrasp.config import to_mapping
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.experiments.evaluation.evaluation_folder import (
    EvaluationFolder,
    failure_picture,
    read_attempts,
)
from equigrasp.experiments.publishing import publication
from equigrasp.experiments.publishing.model_card import Evaluation, draw_failures, kind_of
from equigrasp.experiments.publishing.publication import Order, publish
from equigrasp.experiments.runs.metrics_file import AttemptRow, MetricsFile
from equigrasp.experiments.runs.pictures import load_picture, save_picture
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.grasping.grasp_step import grasp_spec, grasp_step
from equigrasp.learning.grasping.labels import read_labels
from equigrasp.learning.trained_weights import read_trained_weights
from equigrasp.learning.weight_store import (
    load_weights,
    read_parameters,
    tensor_digest,
    write_weights,
)
from equigrasp.methods.asr import METHOD as asr
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog

CONFIG = load_method("asr:tiny")[1]
ARGUMENTS = {"cell": "ur5", "method": "asr:tiny", "objects": "household", "split": "train"}
SHAPES = ("mug_6", "mug_7", "box_6", "cube_7")


@pytest.fixture(scope="module")
def networks() -> Any:
    """The tiny networks; building them takes longer than all the rest."""
    return asr.make_networks(CONFIG, 0)


@pytest.fixture
def tensors(networks: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Their weights."""
    unbuilt = dataclasses.replace(asr, make_networks=lambda config, seed: networks)
    monkeypatch.setattr("equigrasp.methods.asr.METHOD", unbuilt)
    return read_parameters(networks)


@pytest.fixture
def run(tmp_path: Path, tensors: Any) -> Path:
    """A run of 30 attempts whose weights have learned from 24 of them."""
    folder = RunFolder(tmp_path / "run")
    arguments = ARGUMENTS | {"seed": "4", "weights": ""}
    folder.begin(arguments, to_mapping(CONFIG), None)
    metrics = MetricsFile(folder.metrics, 0)
    for number in range(30):
        version = max(0, number - 19)
        metrics.add_attempt(AttemptRow(number, number, number % 2, version, 5.0, 0.5, 0.02))
    write_weights(
        folder.weights / "policy_00000005.safetensors", tensors, {"method": "asr", "version": "5"}
    )
    return folder.path


def _evaluate(
    run: Path,
    tensors: Any,
    split: str,
    outcomes: str,
    noise: str = "",
    method: str = "asr:tiny",
) -> None:
    folder = publication.evaluation_folder(run, split, depth_noise=noise)
    digest = tensor_digest(tensors)
    conditions = {"policy": "learned", "weights_digest": digest, "split": split, "seed": "1000"}
    conditions |= {"objects": "household", "cell": "ur5", "commit": "abc", "method": method}
    conditions |= {"depth_noise": noise} if noise else {}
    written = EvaluationFolder(folder, conditions)
    for number, outcome in enumerate(outcomes):
        written.rows.append(
            dict.fromkeys(("row", "col", "theta", "finger_width", "seconds"), "0")
            | {"attempt": str(number), "success": outcome, "refused": "1"}
            | {"object": SHAPES[number % 4], "q_value": f"0.{number}"}
        )
        if outcome == "0":
            save_picture(failure_picture(folder, number), np.full((40, 40, 3), 9, np.uint8))
    folder.joinpath("evaluation.json").write_text(json.dumps(written.result()))
    text = ",".join(written.rows[0])
    text += "".join("\n" + ",".join(row.values()) for row in written.rows) + "\n"
    folder.joinpath("evaluation.csv").write_text(text)


def _order(run: Path, **changes: Any) -> Order:
    values = {"name": "asr_tiny_ur5", "attempts": 0, "weights": None, "folder": run.parent / "m"}
    return Order(run, **(values | changes))


def test_a_card_holds_what_was_measured(run: Path, tensors: Any) -> None:
    _evaluate(run, tensors, "easy", "11110111")
    _evaluate(run, tensors, "test", "10101")
    told: list[str] = []
    card = publish(_order(run, note="The only seed."), told.append)
    text = card.read_text(encoding="utf-8")
    assert "| `household`, easy | 8 | 7 | 88 % | 53–98 % |" in text
    assert "15 of all of split `test`, seed 1000 | 5 | 3 | 60 % |" in text
    assert told.pop(0).startswith("asr:tiny acts with ")
    assert "hard |" not in text and told == [
        "not evaluated on hard objects",
        "not evaluated on test objects, depth noise realsense",
    ]
    assert "24 attempts, 12 of them successful" in text and "5 SGD steps" in text
    assert "split `train`: 72 shapes" in text and "| seed | 4 |" in text
    assert "3 of 13 attempts failed" in text and "| mug | 7 | 2 | 29 % |" in text
    assert "| box | 3 | 0 | 0 % |" in text and "The only seed." in text
    assert "evaluated: `abc`" in text and "3.125 mm" in text and "Not unseen" not in text
    assert yaml.safe_load(text.split("```yaml")[1].split("```")[0])["method"] == to_mapping(CONFIG)


def test_a_card_tells_success_with_a_cameras_noise_apart(run: Path, tensors: Any) -> None:
    _evaluate(run, tensors, "test", "1111")
    _evaluate(run, tensors, "test", "1000", "realsense")
    text = publish(_order(run), lambda line: None).read_text(encoding="utf-8")
    assert "15 of all of split `test`, seed 1000 | 4 | 4 | 100 % |" in text
    assert "`test`, seed 1000, depth noise `realsense` | 4 | 1 | 25 % |" in text
    assert "3 of 8 attempts failed" in text


def test_published_weights_are_those_of_the_run_and_say_what_they_fit(
    run: Path, tensors: Any, workspace: Any
) -> None:
    _evaluate(run, tensors, "test", "1101")
    card = publish(_order(run), lambda line: None)
    path = card.with_suffix(".safetensors")
    found, metadata = read_trained_weights(path, CONFIG, [workspace], "robotiq_2f_85")
    assert tensor_digest(found) == tensor_digest(tensors)
    assert metadata["configuration"] == "asr:tiny" and metadata["seed"] == "4"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card.read_text(encoding="utf-8")
    for name in ("learning_curve.png", "failures.png"):
        assert 0 < (card.parent / card.stem / name).stat().st_size < 200_000
    assert sorted(p.name for p in card.parent.iterdir()) == [
        "asr_tiny_ur5", "asr_tiny_ur5.md", "asr_tiny_ur5.safetensors"
    ]  # fmt: skip


def test_a_run_of_before_is_published_by_todays_name(run: Path, tensors: Any) -> None:
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("asr:tiny", "asr_tiny"))
    assert yaml.safe_load(config.read_text())["arguments"]["method"] == "asr_tiny"
    _evaluate(run, tensors, "test", "1101", method="asr_tiny")
    text = publish(_order(run), lambda line: None).read_text(encoding="utf-8")
    assert "up sim --method asr:tiny --weights asr_tiny_ur5" in text and "| 4 | 3 | 75 % |" in text


def test_a_card_of_pretrained_weights_says_that_nothing_was_grasped(
    run: Path, tensors: Any
) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["arguments"] |= {"labels": "script", "objects": "random_urdfs"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "metrics.csv").unlink()
    log, heightmap = (
        ExperienceLog(run / "experience.log", grasp_spec(Workspace("left", 0.45, 0.21), 8)),
        np.zeros((128, 128), np.uint16),
    )
    for number in range(10):
        log.append(grasp_step(heightmap, 64, 64, 0, float(number < 4), number), {"scene": 0})
    log.close()
    _evaluate(run, tensors, "test", "1101")
    with pytest.raises(ConfigError, match="no evaluation"):  # of the run's own objects
        publish(_order(run), lambda line: None)
    card = publish(_order(run, objects="household"), lambda line: None)
    text = card.read_text(encoding="utf-8")
    assert "10 grasps that a heuristic labelled in simulated scenes, 4 of them as good" in text
    assert "nothing was grasped" in text and "`random_urdfs`, split `train`" in text
    assert "while learning" not in text and "learning_curve" not in text
    assert "15 of all of split `test`, seed 1000 | 4 | 3 | 75 % |" in text
    labels = read_labels(card.with_suffix(".labels.npz"), CONFIG.network.num_rotations)
    assert [label.reward for label in labels] == [1.0] * 4 + [0.0] * 6
    assert f"({card.stem}.labels.npz)" in text


def test_only_evaluations_of_these_very_weights_count(run: Path, tensors: Any) -> None:
    with pytest.raises(ConfigError, match="no evaluation of policy_00000005.*--evaluate 100"):
        publish(_order(run), lambda line: None)
    others = {k: v + 1 for k, v in tensors.items()}
    _evaluate(run, others, "test", "1111")
    with pytest.raises(ConfigError, match="no evaluation"):
        publish(_order(run), lambda line: None)
    assert not (run.parent / "m").exists()


def test_missing_evaluations_are_made_where_that_is_asked_for(
    run: Path, tensors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _evaluate(run, tensors, "easy", "1111")
    asked = []

    def evaluate(arguments: Any, chooser: str, weights: Path, count: int, out: Path) -> Any:
        noise = arguments.get("depth_noise", "")
        asked.append((arguments["split"], arguments["seed"], arguments["cell"], count, noise))
        _evaluate(run, tensors, arguments["split"], "10" * (count // 2), noise)
        return json.loads((out / "evaluation.json").read_text())

    monkeypatch.setattr(publication, "evaluate", evaluate)
    text = publish(_order(run, attempts=4), lambda line: None).read_text(encoding="utf-8")
    assert asked == [
        ("hard", "1000", "ur5", 4, ""),
        ("test", "1000", "ur5", 4, ""),
        ("test", "1000", "ur5", 4, "realsense"),
    ]
    assert "easy | 4 | 4 | 100 %" in text and "hard | 4 | 2 | 50 %" in text


def test_another_configuration_of_the_same_network_may_act(run: Path, tensors: Any) -> None:
    bold = run.parent / "bold.yaml"
    bold.write_text("extends: asr:tiny\nacting: {greedy_temperature: 0.01}\n")
    _evaluate(run, tensors, "test", "1101")  # as the run's own acts
    with pytest.raises(ConfigError, match="no evaluation"):
        publish(_order(run, method=str(bold)), lambda line: None)
    _evaluate(run, tensors, "test", "1111", method=str(bold))
    text = publish(_order(run, method=str(bold)), lambda line: None).read_text()
    assert f"| `asr:tiny`, package `asr`; evaluated as `{bold}` acts |" in text
    assert f"up sim --method {bold} --weights asr_tiny_ur5" in text
    assert "| 4 | 4 | 100 % |" in text
    with pytest.raises(ConfigError, match="method 'asr:compact' has"):
        publish(_order(run, method="asr:compact", is_replacing=True), lambda line: None)


def test_shapes_that_were_learned_on_are_not_called_unseen(run: Path, tensors: Any) -> None:
    _evaluate(run, tensors, "easy", "11")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["arguments"]["split"] = "all"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    text = publish(_order(run), lambda line: None).read_text(encoding="utf-8")
    assert "**Not unseen:** 15 of the 15 shapes of `easy`" in text


def test_what_could_not_be_loaded_is_not_published(run: Path, tensors: Any) -> None:
    broken = {k: v.clone() for k, v in tensors.items()}
    next(iter(broken.values())).view(-1)[0] = float("inf")
    write_weights(run / "weights" / "policy_00000006.safetensors", broken, {"method": "asr"})
    _evaluate(run, broken, "test", "11")
    with pytest.raises(WeightsError, match="not finite"):
        publish(_order(run), lambda line: None)
    assert list((run.parent / "m").rglob("*.*")) == []
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["method"]["network"]["input_scale"] = 2.0
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match=r"input_scale 2.0, method 'asr:tiny' has 1.0 now"):
        publish(_order(run), lambda line: None)


def test_names_are_valid_and_nothing_is_replaced_unasked(
    run: Path, tensors: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _evaluate(run, tensors, "test", "11")
    out = ["--out", str(run.parent / "m")]
    assert main(["publish", str(run), "--name", "Asr Tiny", *out]) == 2
    assert main(["publish", str(run), "--name", "a", *out]) == 0
    assert main(["publish", str(run), "--name", "a", *out]) == 2
    assert main(["publish", str(run), "--name", "a", "--replace", *out]) == 0
    assert main(["publish", str(run), "--name", "b", "--evaluate", "-1", *out]) == 2
    assert main(["publish", str(run.parent), "--name", "b", *out]) == 2
    told = capsys.readouterr()
    assert "Name 'Asr Tiny' is not valid" in told.err and "--replace" in told.err
    assert "holds no run" in told.err and "model card:" in told.out


def test_the_most_surprising_failures_of_different_shapes_are_shown(
    run: Path, tensors: Any, tmp_path: Path
) -> None:
    _evaluate(run, tensors, "easy", "00000000")
    folder = run / "easy"
    result = json.loads((folder / "evaluation.json").read_text())
    evaluations = [Evaluation(result, read_attempts(folder), folder)]
    assert draw_failures(tmp_path / "sheet.png", evaluations)
    assert load_picture(tmp_path / "sheet.png").shape == (40 * 2 + 6, 40 * 3 + 12, 3)
    assert not draw_failures(tmp_path / "sheet.png", [])
    assert not (tmp_path / "sheet.png").exists()
    assert [kind_of(n) for n in ("mug_7", "brush", "a_b_3")] == ["mug", "brush", "a_b"]
    assert load_weights(run / "weights" / "policy_00000005.safetensors")
