"""The queue of runs: plans, claims, and a runner that is killed and carries on."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from equigrasp.cli.main import main
from equigrasp.errors import ConfigError, WeightsError
from equigrasp.experiments.benchmarks import results_folder, runner
from equigrasp.experiments.benchmarks.handover import Handover
from equigrasp.experiments.benchmarks.plan import chosen_pieces, make_plan
from equigrasp.experiments.benchmarks.protocol import Conditions, Order
from equigrasp.experiments.benchmarks.validation import Journal
from equigrasp.experiments.benchmarks.worker import Task, lock_path
from equigrasp.experiments.evaluation.difficulty import unseen_names
from equigrasp.experiments.rollouts.attempts import in_episodes, in_two_trays
from equigrasp.experiments.rollouts.scene import PlacedObject, Scene
from equigrasp.experiments.runs.claims import claim, is_claimed
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.experiments.speed import bench
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Context, Decision
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.simulation.make import make_simulated_cell
from equigrasp.simulation.object_sets.household import HouseholdSet

CONDITIONS = Conditions("simulation")
RUN = Path("runs") / "asr" / "seed_0"
SMALL = {"validate_every": 25, "validation_attempts": 3, "num_objects": 3}
TINY = [
    "--size",
    "tiny",
    "--cell",
    "ur5",
    "--methods",
    "asr",
    "--workers",
    "1",
    "--attempts",
    "25",
]
TINY += [w for k, v in SMALL.items() for w in (f"--{k.replace('_', '-')}", str(v))]


def test_a_plan_does_what_tells_most_first() -> None:
    order = Order(("table3", "table5"), CONDITIONS, (), (0, 1), 500)
    plan = make_plan(order)
    assert [p.attempts for p in plan[:4]] == [500, 150, 300, 450]
    assert [p.kind for p in plan[:4]] == ["train", "validate", "validate", "validate"]
    trained = [(p.method, p.seed) for p in plan if p.kind == "train"]
    assert trained[0] == ("asr", 0) and len(trained) == len(set(trained)) == 2 * 18
    assert [seed for _, seed in trained] == [0] * 18 + [1] * 18
    assert make_plan(order) == plan


def test_the_halves_of_training_stand_in_its_place() -> None:
    order = Order(("table3",), CONDITIONS, ("asr",), (0,), 300)
    halves = chosen_pieces(order, ("simulate", "validate"))
    assert [str(p) for p in halves] == [
        "asr seed 0: simulate to 300",
        "asr seed 0: validate (seen) at 150",
        "asr seed 0: validate (seen) at 300",
    ]
    whole, learn = (chosen_pieces(order, (kind,))[0] for kind in ("train", "learn"))
    assert whole.result(Path()) == learn.result(Path()) != halves[0].result(Path())
    assert lock_path(whole, Path()) == lock_path(learn, Path()) != lock_path(halves[0], Path())


def test_weights_are_handed_over_for_the_attempts_that_they_know(tmp_path: Path) -> None:
    handover = Handover(tmp_path / "handover.safetensors", "asr")
    assert handover.take(0) is None
    handover.give({"a": torch.ones(3)}, 7, 5)
    assert handover.take(6) is None  # what was learned from six is still to come
    found = handover.take(5)
    assert found is not None and found[1] == 7 and torch.equal(found[0]["a"], torch.ones(3))
    with pytest.raises(WeightsError, match="learned from 5 attempts, the log beside it holds 4"):
        handover.take(4)
    with pytest.raises(WeightsError, match="belongs to method 'asr', not 'fcn'"):
        Handover(handover.path, "fcn").take(5)
    whole = handover.path.read_bytes()
    handover.path.write_bytes(whole[:-1])  # a copy on its way
    assert handover.take(5) is None


def test_on_robot_runs_end_with_two_unseen_sets_and_the_longer_one_is_twice_as_long() -> None:
    plan = make_plan(Order(("table2",), Conditions("robot"), (), (0,), 500))
    assert [(p.method, p.kind, p.attempts, p.objects) for p in plan] == [
        ("random", "validate", 0, "easy"),
        ("random", "validate", 0, "hard"),
        ("asr", "train", 500, ""),
        ("asr", "validate", 500, "easy"),
        ("asr", "validate", 500, "hard"),
        ("asr/equigrasp", "train", 500, ""),
        ("asr/equigrasp", "validate", 500, "easy"),
        ("asr/equigrasp", "validate", 500, "hard"),
        ("asr/c32", "train", 1000, ""),
        ("asr/c32", "validate", 1000, "easy"),
        ("asr/c32", "validate", 1000, "hard"),
    ]


def test_bad_orders_are_named() -> None:
    with pytest.raises(ConfigError, match="have different protocols"):
        Order(("table1", "table3"), CONDITIONS)
    with pytest.raises(ConfigError, match="'asr/c32' is not part of table3"):
        Order(("table3",), CONDITIONS, ("asr/c32",))
    with pytest.raises(ConfigError, match="validate_every must be at least 1, found 0"):
        Conditions("simulation", validate_every=0)


def test_a_task_survives_the_way_to_its_worker() -> None:
    order = Order(("table1",), Conditions("robot", "kuka"), ("asr",), (3,), 7)
    task = Task("results/x", order, ("validate",), "cuda", 2)
    assert Task.from_json(task.to_json()) == task


def test_a_claim_is_one_process_and_ends_with_it(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    text = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from equigrasp.experiments.runs.claims import claim\n"
        "with claim(Path(sys.argv[1])) as is_mine:\n"
        "    print(is_mine, flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", text, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"True\n"
    with claim(lock) as is_mine:
        assert not is_mine
    assert is_claimed(lock) and str(holder.pid) in lock.read_text(encoding="utf-8")
    holder.kill()
    holder.wait()
    assert not is_claimed(lock)
    with claim(lock) as is_mine:
        assert is_mine


def test_a_journal_forgets_the_line_that_a_crash_tore(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    journal = Journal(path)
    journal.add(True, False, 2, 1.5)
    journal.add(False, True, 0, 0.5)
    with path.open("a", encoding="utf-8") as file:
        file.write("1,0")
    again = Journal(path)
    assert len(again.rows) == 2 and [again.sum(i) for i in range(4)] == [1.0, 1.0, 2.0, 2.0]
    again.add(True, False, 0, 1.0)
    assert len(Journal(path).rows) == 3


def test_a_scene_is_only_that_of_its_attempt(tmp_path: Path) -> None:
    scene = Scene(5, 1, 3, 0, 2, (PlacedObject("bar_1", (0.1, 0.2, 0.3), (0.0, 0.0, 0.0, 1.0)),))
    scene.save(tmp_path / "scene.json")
    assert Scene.load(tmp_path / "scene.json", 5) == scene
    assert Scene.load(tmp_path / "scene.json", 6) is None
    assert Scene.load(tmp_path / "none.json", 0) is None


@contextlib.contextmanager
def _bench(out: Path, *options: str, path: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a running command, which leaves no process behind however the test ends."""
    command = [sys.executable, "-m", "equigrasp.cli.main", "bench", "table3", *TINY, *options]
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        env=os.environ | ({"PYTHONPATH": path} if path else {}),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(90.0)


def _wait_for_rows(path: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120.0
    while len(read_metrics(path)) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


Logged = list[tuple[int, int, int, float]]


def _logged(run: Path) -> Logged:
    log = ExperienceLog(run / "experience.log", is_writing=False)
    return [(s.index, *(int(s.action[k]) for k in ("row", "col")), s.reward) for s, _ in log]


def _learned(run: Path) -> str:
    return tensor_digest(load_weights(run / "snapshots" / "attempt_00025.safetensors")[0])


@pytest.fixture(scope="module")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Logged]:
    """Return a results folder whose run was killed once it learned, then finished; its log at the kill."""
    out = tmp_path_factory.mktemp("killed")
    run = out / RUN
    with _bench(out) as killed:
        _wait_for_rows(run / "metrics.csv", 22, killed)
        worker = int((run / "training.lock").read_text(encoding="utf-8").split()[1])
        os.kill(killed.pid, signal.SIGKILL)  # the parent, then the worker
        os.kill(worker, signal.SIGKILL)
        killed.wait()
    before = _logged(run)
    assert 22 <= len(before) < 25 and not list(run.glob("training_*.json"))
    assert main(["bench", "table3", *TINY, "--out", str(out)]) == 0
    return out, before


@pytest.mark.slow
def test_a_runner_that_is_killed_carries_on_where_it_was(
    killed_run: tuple[Path, Logged],
) -> None:
    out, before = killed_run
    run, after = out / RUN, _logged(out / RUN)
    assert after[: len(before)] == before and [a[0] for a in after] == list(range(25))
    result = json.loads((run / "training_00025.json").read_text(encoding="utf-8"))
    assert [float(c) for c in result["outcomes"]] == [a[3] for a in after]
    _, metadata = load_weights(run / "snapshots" / "attempt_00025.safetensors")
    assert metadata["version"] == "6"  # steps of the attempts 20 to 25
    tested = json.loads((run / "validation_00025_seen.json").read_text(encoding="utf-8"))
    assert tested["attempts"] == 3 and 0 <= tested["successes"] <= 3
    assert "the paper's method | 87.1" in (out / "table3.md").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="cell 'ur5', not 'kuka'"):
        results_folder.open_results(
            out, Order(("table3",), Conditions("simulation", "kuka", "tiny")), True
        )


@pytest.mark.slow
def test_simulating_and_learning_apart_is_the_same_run(
    killed_run: tuple[Path, Logged], tmp_path: Path
) -> None:
    whole, before = killed_run
    blocked = tmp_path / "no_simulator"
    blocked.mkdir()
    (blocked / "pybullet.py").write_text("raise ImportError('no simulator here')\n")
    apart = tmp_path / "apart"
    order = Order(("table3",), replace(Conditions("simulation", "ur5", "tiny"), **SMALL))
    results_folder.open_results(apart, order, True)
    with (
        _bench(apart, "--only", "simulate") as simulating,
        _bench(apart, "--only", "learn", path=str(blocked)) as learning,
    ):
        assert simulating.wait(300.0) == learning.wait(300.0) == 0
    assert _logged(apart / RUN)[: len(before)] == before
    assert (apart / RUN / "simulation_00025.json").is_file()
    # A log copied from the run that was killed gives the weights that it had, in one go.
    copy = tmp_path / "copy"
    (copy / RUN).mkdir(parents=True)
    for name in ("bench.yaml", str(RUN / "experience.log")):
        shutil.copy(whole / name, copy / name)
    with _bench(copy, "--only", "learn", path=str(blocked)) as learning:
        assert learning.wait(300.0) == 0
    assert _learned(copy / RUN) == _learned(whole / RUN)


def test_a_dry_run_lists_the_queue_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["bench", "table3", "--dry-run", "--out", str(tmp_path / "none"), "--workers", "2"]
    assert main(options) == 0
    text = capsys.readouterr().out
    assert "ready" in text and "asr seed 0: train to 500" in text and "with 2 workers" in text
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "cell"),
    [(["table3"], "kuka"), (["table2"], "ur5"), (["table2", "--cell", "kuka"], "kuka")],
)
def test_a_benchmark_runs_in_the_published_cell_unless_told_otherwise(
    options: list[str], cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[Order] = []
    monkeypatch.setattr(results_folder, "open_results", lambda _, order, __: orders.append(order))
    monkeypatch.setattr(runner, "run_plan", lambda *_: 0)
    assert main(["bench", *options, "--out", str(tmp_path)]) == 0
    assert [o.conditions.cell for o in orders] == [cell]


@pytest.mark.parametrize("names", [[], ["speed"]])
def test_a_dry_run_of_what_has_no_queue_is_refused(
    names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "bench", lambda *_: pytest.fail("the speed benchmark ran"))
    assert main(["bench", *names, "--dry-run", "--no-graph"]) == 2
    message = capsys.readouterr().err
    assert "Name one or more of table1, table2, table3, table5, figure3, push_table1" in message


def test_easy_and_hard_objects_are_unseen_and_apart() -> None:
    easy, hard = unseen_names("easy", "household"), unseen_names("hard", "household")
    assert len(easy) == len(hard) == 15 and not set(easy) & set(hard)
    assert set(easy) | set(hard) <= set(HouseholdSet().names("test"))
    with pytest.raises(ConfigError, match="'random_urdfs' was never measured"):
        unseen_names("easy", "random_urdfs")


@pytest.mark.slow
def test_failures_in_a_row_are_told_while_learning_and_kept_with_the_scene(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package, method = load_method("asr:tiny")
    policy = package.make_policy(method, package.make_networks(method, 0))
    choose, asked = policy.choose, []

    def ask(
        observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[PlanarGrasp]:
        asked.append((context.mode, len(context.history)))
        return choose(observation, Context("random"), rng)  # type: ignore[no-any-return]

    monkeypatch.setattr(policy, "choose", ask)
    failures = 0
    with make_simulated_cell("kuka") as simulation:
        source = in_episodes(simulation, policy, 1, lambda n: ["cube_1", "ball_1"], 2)
        for number in range(5):
            before = source.num_refused
            success = source.attempt(number, "train").result.outcome.is_success
            refusals = source.num_refused - before
            assert asked[-1] == ("train", failures + refusals)
            failures = 0 if success else failures + 1
        assert failures > 0, "this seed must end with a failure"
        scene = source.scene(5)
        assert scene.failures == failures
        before = source.num_refused
        source.attempt(5, "greedy")  # a published validation does not vary what failed
        assert asked[-1] == ("greedy", source.num_refused - before)
    with make_simulated_cell("kuka") as simulation:
        again = in_episodes(simulation, policy, 1, lambda n: ["cube_1", "ball_1"], 2, scene)
        assert again.scene(5).failures == failures


@pytest.mark.slow
def test_two_trays_carry_on_where_they_were_and_draw_new_objects_in_time() -> None:
    package, method = load_method("asr:tiny")
    policy = package.make_policy(method, package.make_networks(method, 0))
    names = [["cube_1", "bar_2"], ["can_1", "bar_3"]]
    with make_simulated_cell("ur5") as simulation:
        source = in_two_trays(simulation, policy, 1, lambda n: names[n], None, 1)
        source.attempt(0, "random")
        scene = source.scene(1)
    assert sorted(o.name for o in scene.objects) == sorted(names[0]) and scene.episode == 0
    with make_simulated_cell("ur5") as simulation:
        source = in_two_trays(simulation, policy, 1, lambda n: names[n], scene, 0)
        for before, after in zip(scene.objects, source.scene(1).objects, strict=True):
            assert np.allclose(before.position, after.position, atol=0.01)
    with make_simulated_cell("ur5") as simulation:
        source = in_two_trays(simulation, policy, 1, lambda n: names[n], scene, 1)
        source.attempt(1, "random")
        assert sorted(o.name for o in source.scene(2).objects) == sorted(names[1])
