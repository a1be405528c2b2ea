"""How many of what, and what a table of it says."""

from pathlib import Path

import pytest

from equigrasp.errors import ConfigError
from equigrasp.experiments.fleet.monitor import FleetMonitor
from equigrasp.experiments.fleet.plan import FleetPlan, load_plan, make_cast
from equigrasp.experiments.fleet.runtime import RoleState, names_of


def write(path: Path, text: str) -> str:
    """Return the name of a plan with some lines."""
    path.write_text(f"parts: reach_fleet:make_parts\n{text}")
    return str(path)


def test_a_plan_comes_from_yaml(tmp_path: Path) -> None:
    lines = "num_collectors: 3\nnum_shards: 2\nlogs: [a.log, b.log, c.log]\nmix: {last_share: 0.4}"
    plan = load_plan(write(tmp_path / "plan.yaml", lines))
    assert (plan.num_collectors, plan.mix.last_share, plan.mix.first_share) == (3, 0.4, 0.01)
    cast = make_cast(plan, tmp_path)
    assert names_of(cast, "collector") == ["collector0", "collector1", "collector2"]
    assert [cast[f"collector{i}"].settings["shard"] for i in range(3)] == [
        "replay0",
        "replay1",
        "replay0",
    ]
    assert [cast[f"replay{i}"].settings["logs"] for i in range(2)] == [
        ["a.log", "c.log"],
        ["b.log"],
    ]
    callers = [list(cast).index(n) for n in ("learner", "updater0", "collector0")]
    assert max(list(cast).index(n) for n in ("weights", "labels", "replay1")) < min(callers)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("num_shards: 0", "num_shards must be at least 1, found 0"),
        ("num_collectors: 0", "learns from collectors or from logs; found neither"),
        ("num_collectors: 0\nlogs: [a.log]", "uses_per_transition 20.0 needs collectors"),
        ("capacity: 100\nnum_shards: 2", "capacity 100 of 2 shards must each hold a batch of 64"),
        ("num_robots: 3", "unknown key 'num_robots'"),
        ("mix: {first_share: 0.6}", "must grow within"),
    ],
)
def test_plans_that_cannot_be_are_refused(lines: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_plan(write(tmp_path / "plan.yaml", lines))


def test_enough_versions_stay_for_the_lag() -> None:
    plan = FleetPlan("a:b", publish_every=250, lag=6000)
    kept = make_cast(plan, Path("run"))["weights"].settings["num_kept"]
    assert (kept - 1) * plan.publish_every >= plan.lag


def test_the_table_shows_rates_and_the_dead() -> None:
    def states(seconds: float, reason: str = "") -> dict[str, RoleState]:
        shard = {"steps": 20 * seconds, "episodes": 3 * seconds, "online": 300, "offline": 100}
        return {
            "labels": RoleState(True, 0, {"label_age": 123.4, "lag": 750.0}),
            "replay0": RoleState(True, 0, shard),
            "learner": RoleState(True, 0, {"steps": 8 * seconds}),
            "updater0": RoleState(True, 0, {"labels": 512 * seconds}),
            "collector0": RoleState(True, 0, {"episodes": 3 * seconds}),
            "collector1": RoleState(not reason, 2 if reason else 0, {}, reason),
        }

    monitor = FleetMonitor()
    assert "!" not in monitor.table(states(10.0), 10.0)
    table = monitor.table(states(20.0, "SIGKILL"), 20.0)
    for part in (
        "collectors  1/2  3.00 episodes/s, 60 logged",
        "20.0 steps/s; online 300, offline 100 (75 % online)",
        "512 labels/s; age 123 steps, lag 750",
        "8.0 steps/s, at step 160",
        "! collector1: ended by SIGKILL, started again 2 times",
    ):
        assert part in table
