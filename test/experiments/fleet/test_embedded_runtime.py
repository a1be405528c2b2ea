"""A whole fleet in one process."""

import os
from pathlib import Path

import numpy as np
import pytest
from reach_fleet import SPEC, make_networks, make_parts, next_values

from equigrasp.errors import WeightsError
from equigrasp.experiments.fleet.embedded_runtime import EmbeddedRuntime
from equigrasp.experiments.fleet.message import FleetError, PeerGoneError, unpack_arrays
from equigrasp.experiments.fleet.plan import FleetPlan, make_cast
from equigrasp.learning.bellman_updater import BellmanUpdater, TargetVersions
from equigrasp.learning.data_mix import DataMix
from equigrasp.learning.weight_store import WeightStore, load_weights, tensor_digest
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.frames import pack_episode
from equigrasp.replay.label_ring import batch_of
from equigrasp.replay.ring_buffer import RingBuffer

PLAN = {
    "parts": "reach_fleet:make_parts",
    "num_collectors": 2,
    "num_updaters": 2,
    "capacity": 4000,
    "batch_size": 16,
    "label_capacity": 400,
    "uses_per_transition": 4.0,
    "first_transitions": 30,
    "publish_every": 10,
    "lag": 20,
    "average_decay": 0.9,
    "max_steps": 60,
    "mix": DataMix(0.5, 0.5, 0),
}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here; the processes' test does."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def run(folder: Path, turns: int = 10_000, **changes: object) -> tuple[FleetPlan, dict]:
    """Run a fleet until it has learned, or for some turns; return plan and what roles reported."""
    plan = FleetPlan(**(PLAN | changes))
    runtime, figures = EmbeddedRuntime(), {}
    runtime.start(make_cast(plan, folder))
    try:
        for _ in range(turns):
            figures = {name: dict(state.figures) for name, state in runtime.watch().items()}
            if figures["learner"]["steps"] == plan.max_steps:
                break
    finally:
        runtime.stop()
    return plan, figures


def digest(folder: Path) -> str:
    """Return what the newest weights are."""
    newest = WeightStore(folder / "weights").newest()
    assert newest is not None
    return tensor_digest(newest[0])


def test_equal_seeds_give_equal_weights_bit_for_bit(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        run(tmp_path / folder, num_shards=2)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    for name in ("replay0.log", "replay1.log"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    run(tmp_path / "c", num_shards=2, seed=1)
    assert digest(tmp_path / "c") != digest(tmp_path / "a")


def test_uses_per_transition_stay_within_bounds(tmp_path: Path) -> None:
    plan, figures = run(tmp_path)
    assert figures["learner"]["steps"] == plan.max_steps
    sampled, steps = plan.max_steps * plan.batch_size, figures["replay0"]["steps"]
    assert abs(sampled - 4.0 * steps) <= plan.slack_batches * plan.batch_size + 4.0 * 2 * 6


def test_learning_pauses_when_robots_stop_and_resumes(tmp_path: Path) -> None:
    """After a while no robot does anything; the fleet is started again with robots, and ends."""
    plan = FleetPlan(**PLAN)
    cast = make_cast(plan, tmp_path)
    runtime = EmbeddedRuntime()
    runtime.start(cast)
    for _ in range(12):
        runtime.watch()
    robots = [runtime._roles.pop(f"collector{i}") for i in range(2)]
    steps = [runtime.watch()["learner"].figures["steps"] for _ in range(120)]
    assert steps[-1] == steps[-20] < plan.max_steps
    runtime._roles |= {f"collector{i}": robot for i, robot in enumerate(robots)}
    steps += [runtime.watch()["learner"].figures["steps"] for _ in range(200)]
    assert steps[-1] == plan.max_steps
    runtime.stop()


def test_a_fleet_carries_on_from_its_folder(tmp_path: Path) -> None:
    """What was in the log is in the buffer, and the learner is where its checkpoint is."""
    _, before = run(tmp_path, max_steps=25)
    _, after = run(tmp_path, turns=1)
    assert after["replay0"]["episodes"] >= before["replay0"]["episodes"] > 0
    assert after["learner"]["steps"] >= before["learner"]["steps"] == 25
    with pytest.raises(WeightsError, match="is of seed 0, not of seed 5"):
        run(tmp_path, seed=5)
    run(tmp_path)
    numbers = [(e["collector"], e["number"]) for _, e in ExperienceLog(tmp_path / "replay0.log")]
    by_robot = {c: sorted({n for k, n in numbers if k == c}) for c, _ in numbers}
    assert all(found == list(range(len(found))) for found in by_robot.values())


def test_logs_alone_are_enough(tmp_path: Path) -> None:
    """Off-policy learning: no robot, no environment, buffers filled by log replay."""
    run(tmp_path / "robots", max_steps=20)
    logs = (str(tmp_path / "robots" / "replay0.log"),)
    changes = {"num_collectors": 0, "uses_per_transition": 0.0, "logs": logs}
    _, figures = run(tmp_path / "offline", **changes)
    shard = figures["replay0"]
    assert (shard["steps"], shard["online"]) == (0, 0) and shard["offline"] > 30
    assert figures["learner"]["steps"] == 60


def test_labels_of_the_fleet_can_be_computed_again(tmp_path: Path) -> None:
    """From log and weights on disk, which their provenance names, to 1e-5."""
    plan = FleetPlan(**(PLAN | {"num_collectors": 1, "num_updaters": 1, "lag": 30}))
    runtime = EmbeddedRuntime()
    runtime.start(make_cast(plan, tmp_path))
    while runtime.watch()["learner"].figures["steps"] < 50:
        pass
    ring = runtime._roles["labels"]._ring
    batches = [
        ring.read(np.arange(n, n + 16)) for n in range(ring.num_added - 64, ring.num_added, 16)
    ]
    buffer = RingBuffer(SPEC, 4000)
    for step, _ in ExperienceLog(tmp_path / "replay0.log", is_writing=False):
        buffer.add(step)
    runtime.stop()

    class Disk:
        def versions(self) -> list[int]:
            return []

        def read(self, version: int) -> dict:
            path = tmp_path / "weights" / f"policy_{version:08d}.safetensors"
            return load_weights(path)[0]

    updater = BellmanUpdater(make_networks, next_values, Disk(), 0)
    for batch in batches:
        labels = batch.labels
        updater.take(TargetVersions(*labels.versions[0].tolist()))
        found = updater.label(buffer.read(labels.numbers), int(labels.seeds[0]), labels.is_online)
        assert np.abs(found.labels.targets - labels.targets).max() <= 1e-5
        assert labels.lags[0] == 30 and labels.is_online.all()


def test_weights_reach_the_robots(tmp_path: Path) -> None:
    run(tmp_path)
    versions = [e["policy_version"] for _, e in ExperienceLog(tmp_path / "replay0.log")]
    assert versions[0] == 0 and versions == sorted(versions) and versions[-1] >= 40


def test_a_repeated_episode_is_in_the_log_once(tmp_path: Path) -> None:
    runtime = EmbeddedRuntime()
    runtime.start({"replay0": make_cast(FleetPlan(**PLAN), tmp_path)["replay0"]})
    source = make_parts({}).make_source(0)
    data = pack_episode(source.run(0), SPEC)
    for _ in range(3):
        assert runtime.call("replay0", "push", 1, 0, data) == [True]
    assert runtime.call("replay0", "begin", 1)[0] == 1
    assert runtime.watch()["replay0"].figures["repeats"] == 2
    assert runtime.watch()["replay0"].figures["episodes"] == 1
    with pytest.raises(FleetError, match="'replay0' refused push: ReplayError: .* damaged"):
        runtime.call("replay0", "push", 1, 1, data[:-1])
    with pytest.raises(FleetError, match="'_log' is not offered; known: begin, counts, draw"):
        runtime.call("replay0", "_log")
    with pytest.raises(PeerGoneError, match="There is no 'replay1'"):
        runtime.call("replay1", "counts")
    rows = unpack_arrays(runtime.call("replay0", "draw", 8, {"online": 1.0}, 3)[0])
    assert rows["is_online"].all() and len(rows["rewards"]) == 8
    runtime.stop()


def test_an_episode_that_a_crash_cut_is_dropped_and_sent_again(tmp_path: Path) -> None:
    """Whole records of its head are left in the log of the shard."""
    run(tmp_path, max_steps=10)
    log = tmp_path / "replay0.log"
    num_whole = len(ExperienceLog(log, is_writing=False))
    extra = ExperienceLog(log, SPEC)
    extra.append_episode(make_parts({}).make_source(9).run(0)[:1])
    extra.close()
    runtime = EmbeddedRuntime()
    runtime.start({"replay0": make_cast(FleetPlan(**PLAN), tmp_path)["replay0"]})
    runtime.stop()
    assert len(ExperienceLog(log, is_writing=False)) == num_whole


def test_labels_are_batches(tmp_path: Path) -> None:
    runtime = EmbeddedRuntime()
    runtime.start(make_cast(FleetPlan(**PLAN), tmp_path))
    for _ in range(30):
        runtime.watch()
    (data,) = runtime.call("labels", "draw", 16, 5, 30)
    batch = batch_of(unpack_arrays(data))
    assert len(batch) == 16 and ((batch.labels.targets >= 0) & (batch.labels.targets <= 1)).all()
    with pytest.raises(FleetError, match="refused add"):
        runtime.call("labels", "add", b"no arrays")
    runtime.stop()
