"""QT-Opt's tables: the plan, tables of results that were made up, and one piece of each kind in simulation."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from equigrasp.cli.main import main
from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks import servo_pieces, worker
from equigrasp.experiments.benchmarks.kept_pieces import keep_pieces, restore_pieces
from equigrasp.experiments.benchmarks.plan import Piece, checkpoints, chosen_pieces, make_plan
from equigrasp.experiments.benchmarks.protocol import (
    Conditions,
    LogAmounts,
    Order,
    benchmarks,
    default_attempts,
    default_validation,
)
from equigrasp.experiments.benchmarks.published import configuration, others, row, rows
from equigrasp.experiments.benchmarks.results_folder import open_results
from equigrasp.experiments.benchmarks.runner import redraw
from equigrasp.experiments.benchmarks.status import survey
from equigrasp.experiments.benchmarks.worker import Task
from equigrasp.experiments.runs.claims import claim, write_json
from equigrasp.learning.method_names import known_methods

CONDITIONS = Conditions("servo", "ur5", "tiny", validation_attempts=700, logs=LogAmounts(2000, 50))
OURS, BOTH = "qt_opt", "logs/both"


def _order(*names: str, methods: tuple[str, ...] = (), seeds: tuple[int, ...] = (0,)) -> Order:
    return Order(names, CONDITIONS, methods, seeds, 1000)


def _names(plan: list[Piece]) -> list[tuple[str, str, int]]:
    return [(p.method, p.kind, p.attempts) for p in plan]


def test_the_end_of_a_training_is_measured_before_earlier_checkpoints() -> None:
    plan = make_plan(_order("qt_table7", methods=(OURS, "aimed_script")))
    assert _names(plan) == [
        ("aimed_script", "validate", 0),
        (OURS, "train", 1000),
        (OURS, "validate", 1000),
        (OURS, "validate", 300),
    ]
    other = _order("qt_table8", methods=(OURS,))
    assert _names(make_plan(other))[1:] == [(OURS, "validate", 1000)]
    assert checkpoints(other, OURS) == [300, 1000]  # a run keeps what every table asks for


def test_logs_come_before_what_learns_from_them_and_are_shared(tmp_path: Path) -> None:
    plan = make_plan(_order("qt_table9", "qt_table4", "qt_table5", seeds=(0, 1)))
    assert _names(plan)[:5] == [
        ("scripted_log", "collect", 2000),
        ("weak_policy", "train", 1000),
        ("weak_log", "collect", 2000),
        (BOTH, "train", 50),
        (BOTH, "validate", 50),
    ]
    assert len(plan) == len(set(plan)) == 3 + 2 * 2 * 9
    assert ("tuned/learned_end", "train", 200) in _names(plan)
    scripted, policy, weak, both = plan[:4]
    assert [p.is_ready(tmp_path) for p in plan[:4]] == [True, True, False, False]
    policy.snapshot(tmp_path).parent.mkdir(parents=True)
    policy.snapshot(tmp_path).touch()
    assert weak.is_ready(tmp_path) and not both.is_ready(tmp_path)
    for piece in (scripted, weak):
        write_json(piece.result(tmp_path), {})
    assert both.is_ready(tmp_path) and replace(both, seed=1).is_ready(tmp_path)
    kinds = {p.kind for p in chosen_pieces(_order("qt_table9"), ("train",))}
    assert kinds == {"train", "collect"}


def test_a_worker_waits_for_logs_that_another_one_collects(tmp_path: Path) -> None:
    plan = make_plan(_order("qt_table9", methods=("logs/scripted",)))
    log, training, _ = plan
    assert not worker._is_worth_waiting(plan, [training], tmp_path)
    with claim(worker.lock_path(log, tmp_path)):
        assert worker._is_worth_waiting(plan, [training], tmp_path)


def test_every_row_is_known_and_has_what_the_paper_says() -> None:
    wanted = {n: b for n, b in benchmarks().items() if b.protocol == "servo"}
    assert set(wanted) == {f"qt_table{k}" for k in (4, 5, 7, 8, 9)}
    for name, benchmark in wanted.items():
        for method in benchmark.methods:
            assert row(method).label
            if row(method).is_trained:
                assert configuration(method, "tiny").partition(":")[0] in known_methods()
            assert set(row(method).logs) <= set(rows())
        for found in [row(m) for m in benchmark.methods] + [others()[o] for o in benchmark.others]:
            assert len(found.figures.get(name, ())) in (0, len(benchmark.columns))
    assert configuration("qt_opt:published", "tiny") == "qt_opt:published"
    table9 = {m: row(m).figures["qt_table9"][0] for m in wanted["qt_table9"].methods}
    assert sorted(table9.values()) == [20, 37, 86, 94] and table9[BOTH] == 86
    assert default_attempts("servo", "compact") == 5000
    assert default_validation("servo", "compact") == 700


def _finish(order: Order, out: Path, successes: dict[tuple[str, int, int], int]) -> None:
    """Write made-up results by (method, seed, attempts), and those of logs."""
    open_results(out, order, is_any_commit=True)
    for piece in make_plan(order):
        found = successes.get((piece.method, piece.seed, piece.attempts))
        if piece.kind == "collect":
            counts = {"transitions": 2004, "episodes": 300, "successes": 90, "success_rate": 0.3}
            write_json(piece.result(out), counts | {"seconds_per_attempt": 0.1})
        elif found is not None and piece.kind == "train":
            values = {"episodes": 1, "transitions": 9000 + piece.seed, "seconds_per_attempt": 1.0}
            write_json(piece.result(out), values)
        elif found is not None:
            rate = {"successes": found, "episodes": 700, "success_rate": found / 700}
            write_json(piece.result(out), rate | {"seconds_per_attempt": 1.0})


def test_tables_show_ours_beside_the_published_figures(tmp_path: Path) -> None:
    order = _order("qt_table7", "qt_table8", seeds=(0, 1))
    _finish(
        order,
        tmp_path,
        {
            (OURS, 0, 1000): 665,
            (OURS, 1, 1000): 651,
            (OURS, 0, 300): 350,
            ("qt_opt/image_only", 0, 1000): 7,
            ("aimed_script", 0, 0): 560,
        },
    )
    redraw(order, tmp_path)
    lines = (tmp_path / "qt_table7.md").read_text(encoding="utf-8").splitlines()
    found = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in lines}
    assert found["method"][1:] == [
        "published, 300 k steps",
        "published, 1 M steps",
        "ours, 30 % of episodes",
        "ours, 100 % of episodes",
        "transitions",
    ]
    ours = found["QT-Opt, our default"]
    assert ours[1:3] == ["–", "–"] and ours[3].startswith("50.0 [46.3, 53.7]")
    assert ours[4] == "94.0 [92.6, 95.1] (2 seeds: 93.0 to 95.0)" and ours[5] == "9000"
    assert found["image only"][1:3] == ["25", "81"] and found["image only"][4].startswith("1.0 [")
    assert found["script that aims by the heightmap"][3:] == ["80.0 [76.9, 82.8]"] * 2 + ["–"]
    text = (tmp_path / "qt_table8.md").read_text(encoding="utf-8")
    assert "| Levine et al., 1000 robots | 85 | – | – |" in text
    assert "Not run: other numbers of robots" in text and "700 episodes" in text
    assert (tmp_path / "qt_table8.csv").read_text(encoding="utf-8").startswith("method,")


def test_tables_tell_of_the_logs_and_are_kept(tmp_path: Path) -> None:
    order = _order("qt_table9")
    _finish(order, tmp_path, {(BOTH, 0, 50): 630})
    redraw(order, tmp_path)
    text = (tmp_path / "qt_table9.md").read_text(encoding="utf-8")
    assert "| scripted and weak policy, half each | 86 | 90.0 [87.6, 92.0] | 9000 |" in text
    assert "| weak policy alone | 37 | to come | – |" in text
    assert "2000 transitions stand for the 300 k" in text and "takes 50 SGD steps" in text
    assert "Log of scripts: 2004 transitions, 300 episodes, 30.0 % of them" in text
    keep_pieces(tmp_path)
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    restore_pieces(tmp_path)
    redraw(order, tmp_path)
    assert (tmp_path / "qt_table9.md").read_text(encoding="utf-8") == text


def test_a_folder_of_other_amounts_is_refused(tmp_path: Path) -> None:
    open_results(tmp_path, _order("qt_table9"), is_any_commit=True)
    other = replace(CONDITIONS, logs=LogAmounts(3000, 50))
    with pytest.raises(ConfigError, match="holds results with logs"):
        open_results(tmp_path, Order(("qt_table9",), other), is_any_commit=True)
    for message, make in (
        ("transitions must be at least 1", lambda: LogAmounts(0)),
        ("logs are for protocol servo", lambda: Conditions("servo")),
        ("logs are for protocol servo", lambda: Conditions("targets", logs=LogAmounts())),
    ):
        with pytest.raises(ConfigError, match=message):
            make()


def test_a_task_travels_as_text() -> None:
    task = Task("out", _order("qt_table9"))
    assert Task.from_json(task.to_json()) == task


def test_options_that_do_not_fit_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for options, words in (
        (["table3", "--transitions", "5"], "need benchmarks whose names begin with qt"),
        (["table3", "--weights", "asr=x"], "begin with push or qt"),
        (["qt_table9", "--only", "learn"], "Training of QT-Opt cannot be split"),
        (["qt_table9", "--num-objects", "4"], "a new scene has 6 objects"),
        (["qt_table9", "--targets", "4"], "begin with push"),
        (["qt_table9", "push_table1"], "have different protocols"),
    ):
        assert main(["bench", *options, "--dry-run"]) == 2
        assert words in capsys.readouterr().err


def test_a_dry_run_lists_jobs_in_their_own_units(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--transitions", "70", "--sgd-steps", "90", "--attempts", "40"]
    where = ["--out", str(tmp_path / "none"), "--size", "tiny", "--dry-run"]
    assert main(["bench", "qt_table9", "qt_table4", *options, *where]) == 0
    text = capsys.readouterr().out
    assert "scripted_log seed 0: collect to 70" in text and "logs/both seed 0: train to 90" in text
    assert "tuned/learned_end seed 0: train to 8" in text and "(unseen) at 8" in text
    assert "0/700" in text and not (tmp_path / "none").exists()


def test_pieces_show_how_far_they_are(tmp_path: Path) -> None:
    log = Piece("scripted_log", 0, "collect", 2000)
    write_json(log.run(tmp_path).path / "progress.json", {"transitions": 500})
    training = Piece(BOTH, 0, "train", 50)
    folder = training.run(tmp_path).path / "checkpoints"
    folder.mkdir(parents=True)
    for step in (10, 20):
        (folder / f"checkpoint_{step:08d}.safetensors").touch()
    assert [s.done for s in survey([log, training], tmp_path, CONDITIONS)] == [500, 20]


def test_a_run_beyond_a_checkpoint_cannot_be_measured_there(tmp_path: Path) -> None:
    piece = Piece(OURS, 0, "train", 1)
    run = piece.run(tmp_path)
    run.path.mkdir(parents=True)
    names = "time,attempt,success,running_success_rate,policy_version,idle_share,attempts_per_hour,loss"
    names += ",decision_time,sgd_time,attempt_time,idle_time"
    row_of = ["1", "{}", "0", "0", "0", "0", "0", "", "0", "", "0", "0"]
    lines = [",".join(row_of).format(number) for number in range(3)]
    run.metrics.write_text("\n".join([names, *lines]) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds 3 episodes, but no weights of after 1"):
        servo_pieces.do_servo_piece(piece, tmp_path, CONDITIONS, [1], 1)


@pytest.mark.slow
def test_a_log_is_collected_learned_from_and_measured(tmp_path: Path) -> None:
    """And a training of two episodes, whose weights collect another log."""
    conditions = replace(CONDITIONS, validation_attempts=1, logs=LogAmounts(18, 4))
    order = Order(("qt_table9", "qt_table8"), conditions, ("logs/more", OURS), (0,), 2)
    open_results(tmp_path, order, is_any_commit=True)
    task, stop = Task(str(tmp_path), order), SimpleNamespace(at_once=nullcontext, check=None)
    plan = make_plan(order)
    for piece in plan:
        assert piece.is_ready(tmp_path)
        worker._do(piece, task, stop)  # type: ignore[arg-type]
        assert piece.result(tmp_path).is_file()
    results = {p: json.loads(p.result(tmp_path).read_text(encoding="utf-8")) for p in plan}
    logs = [values for p, values in results.items() if p.kind == "collect"]
    assert len(logs) == 2 and all(18 <= log["transitions"] < 28 for log in logs)
    trained = {p.method: values for p, values in results.items() if p.kind == "train"}
    assert trained["logs/more"]["transitions"] <= 12 + 16
    assert trained["weak_policy"]["episodes"] == trained[OURS]["episodes"] == 2
    again = replace(plan[0], attempts=29)  # a log goes on where it was
    worker._do(again, task, stop)  # type: ignore[arg-type]
    more = json.loads(again.result(tmp_path).read_text(encoding="utf-8"))
    assert more["transitions"] >= 29 and more["episodes"] > logs[0]["episodes"]
    redraw(order, tmp_path)
    table = (tmp_path / "qt_table9.md").read_text(encoding="utf-8")
    assert "| scripted and weak policy, half as much again | 94 | " in table
