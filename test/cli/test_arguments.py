"""Ranges of arguments and files are asked before anything starts: one line, exit code 2."""

from pathlib import Path

import pytest
import yaml

from equigrasp.cli.main import main
from equigrasp.config import find_config, read_yaml
from equigrasp.experiments.push_grasp import target_evaluation
from equigrasp.experiments.push_grasp.target_evaluation import TargetConditions
from equigrasp.experiments.push_grasp.task_scenes import TargetTask
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.simulation.clutter_spreads import clutter_spread

TINY = ["--method", "asr:tiny", "--weights", "none"]


def _refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("equigrasp") and len(line) < 700
    return line


@pytest.mark.parametrize("command", [["train"], ["up", "sim"]])
@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--seed", "-1", "seed"),
        ("--seed", "1e3", "seed"),
        ("--seed", str(10**30), "seed"),
        ("--attempts", str(10**20), "attempts"),
        ("--attempts", "0", "attempts"),
        ("--attempts", "9" * 5000, "attempts"),
        ("--real-time-factor", "1e9", "real_time_factor"),
        ("--real-time-factor", "nan", "real_time_factor"),
        ("--real-time-factor", "-1", "real_time_factor"),
        ("--split", "x" * 10_000, "split"),
    ],
)
def test_a_number_out_of_range_is_one_line(
    command: list[str],
    option: str,
    value: str,
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if command[0] == "up":
        pytest.importorskip("rclpy")
    options = [*command, *TINY, "--out", str(tmp_path / "run"), f"{option}={value}"]
    assert named in _refusal(options, capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["evaluate", "/nowhere", "--seed", "-1"], "--seed"),
        (["evaluate", "/nowhere", "--task", "clutter", "--max-pushes", "-1"], "--max-pushes"),
        (["evaluate", "/nowhere", "--freeing-pushes", "--policy", "oracle"], "--policy oracle"),
        (["evaluate", "/nowhere", "--freeing-pushes", "--task", "tight"], "--task tight"),
        (["evaluate", "/nowhere", "--task", "clutter", "--spread=-0.1"], "at least 0"),
        (["evaluate", "/nowhere", "--task", "clutter", "--spread", "nan"], "at least 0"),
        (["bench", "table3", "--seeds", "0", "-3"], "-3"),
        (["pretrain", "--seed", "x"], "--seed"),
        (["virtual", "ur5", "--camera-rate", "inf"], "--camera-rate"),
        (["virtual", "ur5", "--num-objects", "1000"], "--num-objects"),
        (["calibrate", "board", "--square", "nan"], "--square"),
        (["nonsense"], "nonsense"),
    ],
)
def test_other_commands_ask_too(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in _refusal(arguments, capsys)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda cell: cell["workspaces"][0].update(heightmap_size_px=100_000), "[1, 1024]"),
        (lambda cell: cell["workspaces"].pop(), "needs two"),
        (lambda cell: cell["workspaces"].clear(), "at least one"),
        (lambda cell: cell["workspaces"].append(cell["workspaces"][0]), "stands twice"),
    ],
)
def test_a_cell_that_nothing_can_learn_in_is_one_line(
    change: object, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = read_yaml(find_config("cells", "ur5"))
    change(cell)
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(cell), encoding="utf-8")
    options = ["train", *TINY, "--cell", str(path), "--out", str(tmp_path / "run")]
    assert named in _refusal(options, capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("given", "spread"), [(["--spread", "0"], 0.0), ([], None)])
def test_a_spread_of_zero_is_not_the_default(
    given: list[str], spread: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[TargetTask] = []

    class Taken(Exception):
        pass

    def take(folder: Path, weights: Path, conditions: TargetConditions, *counts: int) -> None:
        tasks.append(conditions.task)
        raise Taken

    monkeypatch.setattr(target_evaluation, "evaluate_targets", take)
    monkeypatch.setattr(RunFolder, "newest_weights", lambda self: tmp_path / "weights")
    options = ["evaluate", str(tmp_path), "--task", "clutter", "--method", "push_grasp:tiny"]
    with pytest.raises(Taken):
        main([*options, *given])
    assert [task.spread for task in tasks] == [clutter_spread(10) if spread is None else spread]
