"""Tables, curves and estimates from results that were made up, worked by hand."""

import csv
import io
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks import results_folder
from equigrasp.experiments.benchmarks.curves import running_mean, training_curve
from equigrasp.experiments.benchmarks.plan import make_plan
from equigrasp.experiments.benchmarks.protocol import LIMIT, RANDOM, Conditions, Order, benchmarks
from equigrasp.experiments.benchmarks.published import label, others, robot, rows, simulation
from equigrasp.experiments.benchmarks.results import MethodResults, estimate, read_results
from equigrasp.experiments.benchmarks.results_folder import open_results
from equigrasp.experiments.benchmarks.runner import redraw
from equigrasp.experiments.runs.claims import write_json
from equigrasp.methods.registry import load_method

CONDITIONS = Conditions("simulation", "ur5", "compact", validation_attempts=40)


def _finish(order: Order, out: Path, rates: dict[tuple[str, int, int], float]) -> None:
    """Write results: success by (method, seed, attempts), and training of every second attempt."""
    open_results(out, order, is_any_commit=True)
    for piece in make_plan(order):
        key = piece.method, piece.seed, piece.attempts
        if piece.kind == "train":
            text = "01" * (piece.attempts // 2)
            write_json(piece.result(out), {"outcomes": text, "seconds_per_attempt": 2.0})
        elif key in rates:
            values = {"success_rate": rates[key], "attempts": 40, "seconds_per_attempt": 1.0}
            write_json(piece.result(out), values)


def test_the_standard_error_is_the_sample_deviation_over_the_root_of_the_count() -> None:
    found = estimate([0.80, 0.90, 1.00])  # deviation 0.1, by hand
    assert found.mean == pytest.approx(0.9)
    assert found.standard_error == pytest.approx(0.1 / math.sqrt(3.0))
    assert str(found) == "90.0 ± 5.8 (3 seeds)"
    assert str(estimate([0.5])) == "50.0 (1 seed)" and str(estimate([])) == ""


def test_the_running_mean_is_of_the_last_attempts() -> None:
    assert running_mean(np.array([1, 0, 1, 1]), 2).tolist() == [1.0, 0.5, 0.5, 1.0]
    assert running_mean(np.array([1, 0]), 150).tolist() == [1.0, 0.5]


def test_a_seed_that_has_just_begun_does_not_cut_the_curve_of_the_others() -> None:
    found = MethodResults({0: np.array([1, 1, 0, 0]), 1: np.array([1, 0, 1, 1]), 2: np.array([0])})
    mean, error = training_curve(found, 2)
    assert mean == pytest.approx([200 / 3, 75.0, 50.0, 50.0])  # of seeds 0, 1, 2; then of 0 and 1
    assert error == pytest.approx([100 / 3, 25.0, 0.0, 50.0])
    mean, error = training_curve(MethodResults({0: np.array([1, 0])}), 2)
    assert mean.tolist() == [100.0, 50.0] and np.isnan(error).all()


def test_ours_stand_beside_the_published_figures(tmp_path: Path) -> None:
    order = Order(("table3",), CONDITIONS, ("asr", "fcn"), (0, 1), 300)
    _finish(order, tmp_path, {("asr", 0, 150): 0.6, ("asr", 1, 150): 0.8, ("asr", 0, 300): 0.75})
    redraw(order, tmp_path)
    text = (tmp_path / "table3.md").read_text(encoding="utf-8")
    row = (
        "| the paper's method | 87.1 ± 0.7 | 90.7 ± 1.1 "
        "| 70.0 ± 10.0 (2 seeds) | 75.0 (1 seed) | 50.0 ± 0.0 (2 seeds) |"
    )
    assert row in text
    assert "| FCN | – | – | to come | to come | 50.0 ± 0.0 (2 seeds) |" in text
    assert "40 near-greedy attempts" in text and "cell `ur5`" in text.replace("Cell", "cell")
    rows = list(csv.reader(io.StringIO((tmp_path / "table3.csv").read_text(encoding="utf-8"))))
    assert rows[0][1:] == [
        "published, 450", "published, 1500", "ours, 150", "ours, 300", "training, last 150",
    ]  # fmt: skip
    assert len(rows) == 1 + len(benchmarks()["table3"].methods) and {len(r) for r in rows} == {6}
    assert (tmp_path / "table3.png").stat().st_size > 10_000


def test_several_commands_may_draw_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(("table3",), CONDITIONS, ("asr",), (0,), 150)
    _finish(order, tmp_path, {("asr", 0, 150): 0.6})
    save, is_another = Figure.savefig, False

    def save_while_another_command_draws(figure: Figure, path: Path, **options: int) -> None:
        nonlocal is_another
        save(figure, path, **options)
        if not is_another:
            is_another = True
            monkeypatch.setattr(os, "getpid", lambda: 7)
            redraw(order, tmp_path)
            monkeypatch.undo()

    monkeypatch.setattr(Figure, "savefig", save_while_another_command_draws)
    redraw(order, tmp_path)
    assert is_another and (tmp_path / "table3.png").is_file()
    assert not list(tmp_path.glob(".*"))  # nothing half-drawn is left


def test_a_table_names_the_commits_of_its_results_and_not_the_one_that_draws_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(("table5",), CONDITIONS, ("asr",), (0,), 150)
    for past in ("aaaaaaaaaaaa", "bbbbbbbbbbbb+"):
        monkeypatch.setattr(results_folder, "commit", lambda past=past: past)
        open_results(tmp_path, order, is_any_commit=True)
    redraw(order, tmp_path)
    text = (tmp_path / "table5.md").read_text(encoding="utf-8")
    assert "commits `aaaaaaaaaaaa`, `bbbbbbbbbbbb+`." in text


def test_seeds_that_lie_in_the_folder_count_though_an_order_does_not_name_them(
    tmp_path: Path,
) -> None:
    _finish(
        Order(("table5",), CONDITIONS, ("asr",), (0, 7), 150),
        tmp_path,
        {("asr", 0, 150): 0.5, ("asr", 7, 150): 0.7},
    )
    found = read_results(Order(("table5",), CONDITIONS, (), (0,), 150), tmp_path)["asr"]
    assert found.validation(150, "seen").mean == pytest.approx(0.6)
    assert found.last_outcomes(150, 150).count == 2
    assert found.last_outcomes(150, 300).count == 0  # no run made so many


def test_on_robot_tables_have_a_column_for_each_unseen_set(tmp_path: Path) -> None:
    order = Order(("table2",), Conditions("robot"), (), (0,), 500)
    _finish(order, tmp_path, {("random", 0, 0): 0.3, ("asr/c32", 0, 1000): 0.9})
    redraw(order, tmp_path)
    text = (tmp_path / "table2.md").read_text(encoding="utf-8")
    assert "| random | 35.3 ± 4.1 | 31.0 ± 2.2 | 30.0 (1 seed) | 30.0 (1 seed) |" in text
    assert "1000 attempts | 93.7 ± 1.2 | 90.0 ± 4.1 | 90.0 (1 seed) | 90.0 (1 seed) |" in text
    assert "The published ± is the standard deviation of three runs" in text


def _spreads(total: int) -> tuple[set[float], set[float]]:
    """Return standard deviations and standard errors of three counts of 100 with a sum [%]."""
    runs = [(a, b, total - a - b) for a in range(101) for b in range(101)]
    counts = np.array([r for r in runs if 0 <= r[2] <= 100])
    deviations = set(np.round(counts.std(1), 2))
    return deviations, set(np.round(counts.std(1, ddof=1) / math.sqrt(3.0), 2))


def test_the_published_spread_on_the_robot_is_a_deviation_and_no_standard_error() -> None:
    published = [f for method in rows() for f in robot(method).values()]
    for figure in (f for f in published if f.spread != 10.6):  # rounded: could be either
        deviations, errors = _spreads(round(3 * figure.mean))
        assert figure.spread in deviations and figure.spread not in errors


def test_every_method_has_a_name_and_what_the_paper_says_of_it() -> None:
    for benchmark in benchmarks().values():
        if benchmark.protocol == "targets":
            assert set(benchmark.methods) <= set(rows()) and set(benchmark.others) <= set(others())
            continue
        if benchmark.protocol == "servo":  # test_servo_queue.py
            continue
        published = simulation if benchmark.protocol == "simulation" else robot
        unknown = {m for m in benchmark.methods if not published(m)}
        assert set(benchmark.methods) <= set(rows()) and unknown <= {
            "fcn",
            "asr/equigrasp",
            "asr/cross_entropy",
        }


def _is_log(method: str) -> bool:
    return bool(rows()[method].collected_by or rows()[method].stop_rate)


@pytest.mark.parametrize("size", ["compact", "paper"])
def test_a_name_tells_of_first_weights_just_where_there_are_some(size: str) -> None:
    # Trainings of push-grasp and of tables in closed loop begin without any.
    others = {m for b in benchmarks().values() if b.protocol == "servo" for m in b.methods}
    others |= {m for m in rows() if m.partition("/")[0] == "push_grasp" or _is_log(m)}
    for method in set(rows()) - others - {RANDOM, LIMIT}:
        _, config = load_method(method, size)
        assert ("first weights" in label(method, size)) == bool(config.training.first_weights)


def test_a_folder_that_is_kept_in_one_file_gives_the_same_tables(tmp_path: Path) -> None:
    order, kept = Order(("table3",), CONDITIONS, ("asr", "fcn"), (0, 1), 300), tmp_path / "kept"
    _finish(order, tmp_path, {("asr", 0, 150): 0.6, ("asr", 1, 150): 0.8, ("fcn", 0, 300): 0.75})
    redraw(order, tmp_path)
    kept.mkdir()
    for name in ("bench.yaml", "pieces.json"):
        shutil.copy(tmp_path / name, kept)
    open_results(kept, order, is_any_commit=True)
    redraw(order, kept)
    for name in ("table3.md", "table3.csv", "pieces.json"):
        assert (kept / name).read_bytes() == (tmp_path / name).read_bytes()
    piece = make_plan(order)[0]
    piece.result(kept).unlink()  # to be made anew: what was taken away does not come back
    open_results(kept, order, is_any_commit=True)
    assert not piece.result(kept).exists()


def test_a_kept_file_writes_nowhere_else(tmp_path: Path) -> None:
    order = Order(("table3",), CONDITIONS, ("asr",), (0,), 300)
    open_results(tmp_path / "out", order, is_any_commit=True)
    write_json(tmp_path / "out" / "pieces.json", {"runs/../../seed_0/training_1.json": {}})
    with pytest.raises(ConfigError, match="no piece of a plan"):
        open_results(tmp_path / "out", order, is_any_commit=True)
    assert not (tmp_path / "seed_0").exists()
