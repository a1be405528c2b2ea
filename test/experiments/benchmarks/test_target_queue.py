"""Push-grasp's tables: the plan, weights that are given, and tables of results that were made up."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from equigrasp.cli.main import main
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks import results_folder, worker
from equigrasp.experiments.benchmarks.given_weights import take_weights
from equigrasp.experiments.benchmarks.plan import Piece, make_plan
from equigrasp.experiments.benchmarks.protocol import (
    Conditions,
    Order,
    benchmarks,
    default_validation,
    num_targets,
)
from equigrasp.experiments.benchmarks.published import others, rows
from equigrasp.experiments.benchmarks.results_folder import open_results
from equigrasp.experiments.benchmarks.runner import redraw
from equigrasp.experiments.benchmarks.status import listing, survey
from equigrasp.experiments.benchmarks.target_pieces import target_conditions
from equigrasp.experiments.benchmarks.worker import Task
from equigrasp.experiments.push_grasp.clearing_task import ClearingResult
from equigrasp.experiments.push_grasp.difficulty import Difficulty
from equigrasp.experiments.push_grasp.grasp_labels import scene_path
from equigrasp.experiments.push_grasp.push_learning import num_pushes_in
from equigrasp.experiments.push_grasp.result_rows import append_row, read_rows
from equigrasp.experiments.push_grasp.target_task import TargetResult
from equigrasp.experiments.runs.claims import write_json
from equigrasp.learning.method_names import known_methods
from equigrasp.learning.trained_weights import describe_weights
from equigrasp.learning.weight_store import read_parameters, write_weights
from equigrasp.methods.registry import load_method
from equigrasp.simulation.clutter import open_workspace
from equigrasp.simulation.clutter_spreads import clutter_spread

CONDITIONS = Conditions("targets", "gantry", "tiny", "household", validation_attempts=1200)
OURS, WITHOUT = "push_grasp", "push_grasp/no_push"


def _order(*names: str, methods: tuple[str, ...] = (), seeds: tuple[int, ...] = (0,)) -> Order:
    return Order(names, CONDITIONS, methods, seeds, 2000)


def test_a_plan_trains_what_has_weights_of_its_own_and_shares_cells() -> None:
    plan = make_plan(_order("push_table1", "push_figure8", methods=(OURS, WITHOUT, "limit")))
    assert [(p.method, p.kind, p.objects) for p in plan[:2]] == [
        ("limit", "validate", "clutter_10"),
        ("limit", "validate", "clutter_15"),
    ]
    assert [p.method for p in plan if p.kind == "train"] == [OURS]
    assert len(plan) == len(set(plan)) == 1 + 3 * 4
    pieces = {p.method: p for p in plan if p.objects == "clutter_25"}
    out = Path("x")
    assert pieces[WITHOUT].snapshot(out) == pieces[OURS].snapshot(out)
    assert pieces["limit"].is_ready(out) and not pieces[WITHOUT].is_ready(out)


def test_rows_that_need_no_training_are_run_once() -> None:
    methods = ("limit", "push_grasp/script_grasp", OURS)
    plan = make_plan(_order("push_table3", methods=methods, seeds=(0, 1)))
    assert [p.seed for p in plan if p.method != OURS] == [0] * 16
    assert sum(p.method == OURS for p in plan) == 2 * 9
    others = make_plan(_order("push_table3", methods=methods, seeds=(2, 1)))
    assert [p for p in others if p.method != OURS] == [p for p in plan if p.method != OURS]


def test_every_row_of_the_tables_is_known_and_every_variant_has_one() -> None:
    wanted = [b for b in benchmarks().values() if b.protocol == "targets"]
    methods = {m for b in wanted for m in b.methods}
    known = {m for m in known_methods() if m.partition("/")[0] == "push_grasp"}
    assert methods == known | {"limit"}
    for method in methods:
        row = rows()[method]
        assert row.label and {row.weights_of, row.without_pushes} <= set(rows()) | {""}
        if method != "limit" and not row.weights_of:
            continue
        assert method == "limit" or _same_networks(method, row.weights_of)
    assert {o for b in benchmarks().values() for o in b.others} == set(others())


def _same_networks(one: str, other: str) -> bool:
    configs = [load_method(m, "compact")[1] for m in (one, other)]
    return bool(configs[0].network == configs[1].network)


def test_published_figures_are_those_of_the_paper() -> None:
    ours = rows()[OURS]
    tight = [ours.targets[f"tight_{k}"][0] for k in range(1, 9)]
    assert sum(tight) / 8 == 88.75  # 71 of 80
    assert sum(others()["xu"].targets[f"tight_{k}"][0] for k in range(1, 9)) / 8 == 46.25
    assert ours.targets["clutter_10"] == (97.0, 77.6) and ours.gain["clutter_25"] == 12.2
    assert rows()[WITHOUT].targets["clearing_25"] == (80.4, 35.5)


def test_a_piece_says_which_scenes_it_means() -> None:
    found = target_conditions(Piece(OURS, 3, "validate", 2000, "clearing_20"), CONDITIONS)
    assert found.is_clearing and found.task.num_objects == 20 and found.method == "push_grasp:tiny"
    assert found.task.spread == clutter_spread(20) and found.num_rows(1200) == 60
    tight = target_conditions(Piece("limit", 0, "validate", 0, "tight_7"), CONDITIONS)
    assert tight.task.layout == 7 and tight.task.seed == found.task.seed
    counts = [
        num_targets(m, s, CONDITIONS) for m in (OURS, "limit") for s in ("clutter_10", "tight_1")
    ]
    assert counts == [1200, 100, 200, 100] and default_validation("targets", "tiny") == 1200
    with pytest.raises(ConfigError, match="no spread for 12 objects. Numbers: 10, 15, 20, 25"):
        clutter_spread(12)


def _finish(order: Order, out: Path, results: dict[tuple[str, int, str], list[object]]) -> None:
    """Write made-up rows by (method, seed, set)."""
    open_results(out, order, is_any_commit=True)
    for piece in make_plan(order):
        found = results.get((piece.method, piece.seed, piece.objects))
        if found is not None:
            path = piece.result(out).with_suffix(".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            for row in found:
                append_row(path, row)
            write_json(piece.result(out), {"seconds_per_attempt": 1.0})


def _targets(taken: str) -> list[object]:
    """Return ten targets of five scenes: `o` taken, `x` not, by one push each where it is capital."""
    return [
        TargetResult(k // 2, k % 2, c in "oO", int(c in "OX"), 1, 0.5, 0.5, 2.0)
        for k, c in enumerate(taken)
    ]


def test_tables_show_ours_published_gains_and_hard_targets(tmp_path: Path) -> None:
    order = _order("push_table1", "push_figure8", seeds=(0, 1))
    results = {
        (OURS, 0, "clutter_10"): _targets("oooooooOOX"),
        (OURS, 1, "clutter_10"): _targets("ooooooooOO"),
        (WITHOUT, 0, "clutter_10"): _targets("oooooooxxx"),
        (WITHOUT, 1, "clutter_10"): _targets("oooooooooo"),
        ("limit", 0, "clutter_10"): [Difficulty(5, 1, 3, 4), Difficulty(5, 0, 4, 5)],
    }
    _finish(order, tmp_path, results)
    redraw(order, tmp_path)
    table = (tmp_path / "push_table1.md").read_text(encoding="utf-8")
    lines = {
        line.split(" | ")[0].strip("| "): line
        for line in table.splitlines()[::-1]
        if " | " in line
    }
    ours = lines["push-grasp"].split(" | ")
    assert ours[1] == "97.0 / 77.6" and ours[2].startswith("95.0 [")
    assert ours[2].endswith("(2 seeds: 90.0 to 100.0) / 80.0")  # 20 grasps of 25 actions
    assert ours[4].startswith("to come") and ours[3] == "95.1 / 69.0"
    assert "90.0 [" in lines["any of 64 grasps, without pushes"]
    assert lines["Xu et al. 2021"].startswith("| Xu et al. 2021 | 43.5 / 49.9 | – |")
    hard = table.partition("not taken without pushes")[2]
    assert "| push-grasp | 66.7 [" in hard and ", 3 targets | to come |" in hard
    assert "| push-grasp without pushes | +10.0 [" in hard
    assert "1200 targets a column" in table and "10: 100 mm" in table
    figure = (tmp_path / "push_figure8.md").read_text(encoding="utf-8")
    assert "| push-grasp | +2.7 | +10.0 [" in figure and "| Xu et al. 2021 | +6.6 | – |" in figure
    assert (tmp_path / "push_figure8.csv").read_text(encoding="utf-8").startswith("method,")


def test_cells_of_all_benchmarks_count_for_each_table(tmp_path: Path) -> None:
    plain = "push_grasp/plain"
    results = {
        (plain, 0, "clutter_10"): _targets("ooooooooOX"),
        (f"{plain}_no_push", 0, "clutter_10"): _targets("ooooooooxx"),
    }
    _finish(_order("push_figure8"), tmp_path, results)
    redraw(_order("push_table1"), tmp_path)
    table = (tmp_path / "push_table1.md").read_text(encoding="utf-8")
    hard = table.partition("not taken without pushes")[2]
    assert f"| {rows()[plain].label} | 50.0 [" in hard and ", 2 targets | to come |" in hard
    methods = benchmarks()["push_table1"].methods
    assert {rows()[m].without_pushes for m in methods} <= {*methods, ""}


def test_other_half_sides_need_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_results(tmp_path, _order("push_table1"), is_any_commit=True)
    open_results(tmp_path, _order("push_table2"), is_any_commit=True)
    monkeypatch.setattr(results_folder, "clutter_spreads", lambda: {10: 0.2})
    with pytest.raises(ConfigError, match="holds results with spreads"):
        open_results(tmp_path, _order("push_table1"), is_any_commit=True)


def test_clearing_and_layouts_have_tables_of_their_own(tmp_path: Path) -> None:
    order = _order("push_table2", "push_table3", methods=(OURS,))
    results: dict[tuple[str, int, str], list[object]] = {
        (OURS, 0, f"tight_{k}"): _targets("oooo" if k < 8 else "xxxx") for k in range(1, 9)
    }
    rounds = [ClearingResult(k, 10, 9, 0, 10, 9, 1, "empty", 60.0) for k in range(2)]
    results[OURS, 0, "clearing_10"] = [*rounds]
    _finish(order, tmp_path, results)
    redraw(order, tmp_path)
    clearing = (tmp_path / "push_table2.md").read_text(encoding="utf-8")
    assert "| push-grasp | 97.5 / 93.9 | 90.0 [" in clearing and "/ 90.0 [90.0, 90.0]" in clearing
    tight = (tmp_path / "push_table3.md").read_text(encoding="utf-8")
    row = next(line for line in tight.splitlines() if line.startswith("| push-grasp |"))
    assert row.split(" | ")[-2] == "88.8" and row.split(" | ")[-1].startswith("87.5 [")
    assert "100 targets a column (published: 10)" in tight and "blocks of 45 mm" in tight


def _weights(path: Path, seed: int) -> str:
    method, config = load_method("push_grasp:tiny")
    workspace = open_workspace(load_cell("gantry"))
    facts = describe_weights("push_grasp:tiny", config, workspace, "robotiq_2f_85", {})
    write_weights(
        path, read_parameters(method.make_networks(config, seed)), facts | {"version": "1"}
    )
    return str(path)


@pytest.mark.slow
def test_weights_that_are_given_stand_for_trainings(tmp_path: Path) -> None:
    order = _order("push_table1", methods=(OURS, WITHOUT), seeds=(0, 4))
    out = tmp_path / "out"
    paths = [_weights(tmp_path / f"{k}.safetensors", k) for k in range(2)]
    take_weights([f"{OURS}={p}" for p in paths], order, out)
    plan = make_plan(order)
    assert all(p.is_ready(out) for p in plan)
    assert all(p.result(out).is_file() for p in plan if p.kind == "train")
    take_weights([f"{OURS}={paths[0]}"], order, out)  # again, the same
    for given, words in (
        ([f"{OURS}={paths[1]}"], "holds other weights"),
        ([f"{OURS}={p}" for p in paths * 2], "4 weights of 'push_grasp' need as many --seeds"),
        ([f"{WITHOUT}={paths[0]}"], "acts with: push_grasp"),
        ([paths[0]], "--weights needs METHOD=WEIGHTS"),
    ):
        with pytest.raises(ConfigError, match=words):
            take_weights(given, order, out)


def test_options_of_other_benchmarks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "table3", "--targets", "5", "--dry-run"]) == 2
    assert "needs benchmarks whose names begin with push" in capsys.readouterr().err
    assert main(["bench", "push_table1", "--only", "learn", "--dry-run"]) == 2
    assert "cannot be split" in capsys.readouterr().err
    assert main(["bench", "push_table1", "table3", "--dry-run"]) == 2
    assert "have different protocols" in capsys.readouterr().err


def test_a_training_shows_how_far_it_is(tmp_path: Path) -> None:
    """By labelled scenes, 400 of them, and then by pushes: it has no rows of attempts."""
    piece = Piece(OURS, 0, "train", 400)
    folder = piece.run(tmp_path).path

    def done() -> int:
        (status,) = survey([piece], tmp_path, CONDITIONS)
        return status.done

    assert done() == 0
    for k in range(200):
        scene = scene_path(folder / "labels", k)
        scene.parent.mkdir(parents=True, exist_ok=True)
        scene.touch()
    assert done() == 100
    for k in range(200, 400):
        scene_path(folder / "labels", k).touch()
    (folder / "pushes").mkdir()
    write_json(folder / "pushes" / "count.json", {"pushes": 100})
    assert num_pushes_in(folder / "pushes") == 100 and done() == 250


@pytest.mark.slow
def test_a_worker_fetches_targets_once_and_the_table_tells(tmp_path: Path) -> None:
    conditions = replace(CONDITIONS, validation_attempts=12)
    order = Order(("push_table3",), conditions, (OURS, "limit"), (0,), 2000)
    open_results(tmp_path, order, is_any_commit=True)
    take_weights([f"{OURS}={_weights(tmp_path / 'w.safetensors', 0)}"], order, tmp_path)
    task, stop = Task(str(tmp_path), order), SimpleNamespace(check=lambda: None)
    pieces = {p.method: p for p in make_plan(order) if p.objects == "tight_1"}
    for piece in pieces.values():
        assert str(piece) in listing(survey([piece], tmp_path, conditions), 1)
        worker._do(piece, task, stop)  # type: ignore[arg-type]
    (row,) = read_rows(pieces[OURS].result(tmp_path).with_suffix(".csv"), TargetResult)
    limit = json.loads(pieces["limit"].result(tmp_path).read_text(encoding="utf-8"))
    assert limit["targets"] == 1 and limit["share_not_held"] == 1 - limit["taken"]
    worker._do(pieces[OURS], task, stop)  # type: ignore[arg-type]
    assert read_rows(pieces[OURS].result(tmp_path).with_suffix(".csv"), TargetResult) == [row]
    redraw(order, tmp_path)
    table = (tmp_path / "push_table3.md").read_text(encoding="utf-8")
    line = next(text for text in table.splitlines() if text.startswith("| push-grasp |"))
    assert line.startswith(f"| push-grasp | 100.0 | {100.0 * row.is_taken} [")
