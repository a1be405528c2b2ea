"""A fleet with a simulated robot, whole: it grasps, logs, labels, learns, and acts by what it learned."""

import math
from pathlib import Path

import pytest

from equigrasp.config import to_mapping
from equigrasp.experiments.fleet.command import FleetOrder, run_fleet
from equigrasp.experiments.fleet.method_parts import MethodSettings
from equigrasp.experiments.fleet.simulated_source import SimulatedSource
from equigrasp.experiments.runs.metrics_file import read_metrics
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog

pytestmark = pytest.mark.slow
CHANGES = {
    "max_steps": 12,
    "publish_every": 3,
    "capacity": 500,
    "label_capacity": 100,
    "first_transitions": 16,
    "num_scripted": 2,
    "uses_per_transition": 2.0,
    "slack_batches": 4,
}


def test_a_simulated_robot_teaches(tmp_path: Path) -> None:
    """Scripts choose first, then versions of the policy; the log holds what was carried out."""
    order = FleetOrder(tmp_path / "run", "qt_opt:tiny", changes=CHANGES)
    weights = run_fleet(order, False, lambda table, is_last: None)
    assert weights.name == "policy_00000012.safetensors"
    records = list(ExperienceLog(order.out / "replay0.log", is_writing=False))
    scripted = [extras for step, extras in records if step.episode < 2]
    learned = [extras for step, extras in records if step.episode >= 2]
    assert {extras["policy_version"] for extras in scripted} == {0}
    assert max(int(extras["policy_version"]) for extras in learned) > 0
    assert any((step.action["motion"] != step.action["asked"]).any() for step, _ in records)
    rows = read_metrics(RunFolder(order.out).metrics)
    assert [int(row["attempt"]) for row in rows] == list(range(records[-1][0].episode + 1))
    more = FleetOrder(order.out, "qt_opt:tiny", changes=CHANGES | {"max_steps": 14})
    assert run_fleet(more, True, lambda table, is_last: None).name == "policy_00000014.safetensors"


def test_robots_meet_scenes_of_their_own() -> None:
    """By their seed, and by the number of the episode that they begin with."""
    _, config = load_method("qt_opt:tiny")
    settings = MethodSettings("qt_opt", to_mapping(config), num_scripted=100)
    found = {}
    for seed, number in ((1, 0), (2, 0), (1, 5)):
        source = SimulatedSource(settings, seed)
        first = source.run(number)[0][0].observation["tcp"]
        source.close()
        found[seed, number] = tuple(first.tolist())
        assert all(math.isfinite(value) for value in found[seed, number])
    assert len(set(found.values())) == 3
