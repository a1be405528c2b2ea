"""Runs, their files, and the command line."""

import csv
import json
from pathlib import Path

import pytest

from equigrasp.cli.main import main
from equigrasp.config import to_mapping
from equigrasp.errors import ConfigError
from equigrasp.experiments.runs.metrics_file import COLUMNS, AttemptRow, MetricsFile, read_metrics
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.learning.logged_trainer import StepReport
from equigrasp.methods.asr.config import AsrConfig
from equigrasp.ros.bringup.launch_parts import describe, resolve


def _row(attempt: int, success: int = 1) -> AttemptRow:
    return AttemptRow(100.0 + attempt, attempt, success, 3, 5.0, 0.5, 0.02)


def test_metrics_hold_a_row_an_attempt(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "m.csv", 0)
    metrics.add_attempt(_row(0, 0))
    metrics.add_step(StepReport(0, 0, {"loss": 0.25}, 0.4))
    metrics.add_attempt(_row(1, 1))
    rows = read_metrics(tmp_path / "m.csv")
    assert [r["running_success_rate"] for r in rows] == ["0.0000", "0.5000"]
    assert rows[0]["loss"] == "" and float(rows[1]["loss"]) == 0.25
    assert float(rows[1]["idle_share"]) == pytest.approx(0.1)
    assert float(rows[1]["attempts_per_hour"]) == pytest.approx(720.0)
    with (tmp_path / "m.csv").open(encoding="utf-8") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS


def test_metrics_beyond_the_log_are_dropped_on_opening(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "m.csv", 0)
    for i in range(5):
        metrics.add_attempt(_row(i))
    with (tmp_path / "m.csv").open("a", encoding="utf-8") as file:
        file.write("105.0,5,1")  # torn by a crash
    MetricsFile(tmp_path / "m.csv", 3)
    assert [r["attempt"] for r in read_metrics(tmp_path / "m.csv")] == ["0", "1", "2"]


def test_the_interval_is_wilsons() -> None:
    low, high = wilson_interval(90, 100)  # worked by hand from the formula
    assert low == pytest.approx(0.8256, abs=1e-3) and high == pytest.approx(0.9448, abs=1e-3)
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == pytest.approx(1.0)


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    run, arguments = RunFolder(tmp_path / "a"), {"seed": "0", "cell": "ur5", "method": "asr:tiny"}
    with pytest.raises(ConfigError, match="no run"):
        run.begin(arguments, to_mapping(AsrConfig()), is_resume=True)
    run.begin(arguments, to_mapping(AsrConfig()), is_resume=False)
    run.begin(arguments, to_mapping(AsrConfig()), is_resume=None)
    with pytest.raises(ConfigError, match="--resume"):
        run.begin(arguments, to_mapping(AsrConfig()), is_resume=False)
    with pytest.raises(ConfigError, match="seed '0', not '1'"):
        run.begin(arguments | {"seed": "1"}, to_mapping(AsrConfig()), is_resume=None)
    with pytest.raises(ConfigError, match="no weights"):
        run.newest_weights()


def test_bad_launch_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match="Unknown argument 'sped'"):
        resolve("sim", {"sped": "1"})
    with pytest.raises(ConfigError, match="train, test, all"):
        resolve("sim", {"split": "some"})
    with pytest.raises(ConfigError, match="real_time_factor must be a number"):
        describe("sim", {"real_time_factor": "fast"})
    with pytest.raises(ConfigError, match="Known modes: sim, ur5, kuka"):
        describe("moon", {})


@pytest.mark.slow
def test_a_run_learns_resumes_reports_and_is_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, method = str(tmp_path / "run"), tmp_path / "sooner.yaml"
    method.write_text("extends: asr:tiny\ntraining: {first_training_attempt: 4}\n")
    options = ["--method", str(method), "--out", out, "--seed", "1"]
    assert main(["train", "--attempts", "5", *options]) == 0
    assert main(["train", "--attempts", "7", "--resume", *options]) == 0
    assert out not in (Path(out) / "config.yaml").read_text(encoding="utf-8")
    rows = read_metrics(Path(out) / "metrics.csv")
    assert [int(r["attempt"]) for r in rows] == list(range(7))
    assert rows[-1]["loss"] and int(rows[-1]["policy_version"]) >= 2
    assert (Path(out) / "learning_curve.png").stat().st_size > 5000
    assert "learning curve" in (Path(out) / "report.md").read_text(encoding="utf-8")
    assert list((Path(out) / "pictures").glob("*.png"))
    assert main(["evaluate", out, "--attempts", "4"]) == 0
    result = json.loads((Path(out) / "evaluation.json").read_text(encoding="utf-8"))
    assert result["attempts"] == 4 and result["split"] == "test" and result["policy"] == "learned"
    assert result["interval_95"][0] <= result["success_rate"] <= result["interval_95"][1]
    assert main(["evaluate", out, "--attempts", "3", "--policy", "oracle"]) == 0
    reference = json.loads((Path(out) / "oracle" / "evaluation.json").read_text(encoding="utf-8"))
    assert reference["policy"] == "oracle" and reference["successes"] >= 2
    assert main(["report", out]) == 0
    report = (Path(out) / "report.md").read_text(encoding="utf-8")
    assert "| learned |" in report and "| oracle |" in report and "| random |" not in report
    assert "began with no knowledge" in report and "first 20 attempts (random)" in report
    assert "report.md" in capsys.readouterr().out


def test_errors_are_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "/nowhere/at/all"]) == 2
    assert main(["train", "--method", "qtopt"]) == 2
    error = capsys.readouterr().err
    assert "/nowhere/at/all" in error and "Known methods" in error and "Traceback" not in error


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:" in capsys.readouterr().out
