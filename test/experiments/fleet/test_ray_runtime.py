"""A fleet on Ray, where Ray is installed: the same roles, the same log, and nobody lost."""

import importlib.util
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_watch import small_plan, watch_until
from reach_fleet import SPEC

from equigrasp.errors import ConfigError
from equigrasp.experiments.fleet.message import FleetError
from equigrasp.experiments.fleet.plan import make_cast
from equigrasp.experiments.fleet.ray_runtime import RayRuntime
from equigrasp.replay.experience_log import ExperienceLog

IS_MISSING = (
    importlib.util.find_spec("ray") is None
)  # it must not be imported before its mode is set
pytestmark = [
    pytest.mark.skipif(IS_MISSING, reason="Ray is not installed (requirements/fleet.txt)"),
    pytest.mark.fleet,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
PLAN = small_plan(num_collectors=2)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[RayRuntime]:
    """A fleet of seven actors on a Ray of its own."""
    runtime = RayRuntime(resources={"robot": 2.0})
    runtime.start(make_cast(PLAN, tmp_path))
    yield runtime
    runtime.stop()


def test_whoever_is_killed_nothing_is_lost(fleet: RayRuntime, tmp_path: Path) -> None:
    states = watch_until(fleet, lambda s: s["learner"].figures.get("steps", 0) > 20)
    num_acknowledged = int(states["replay0"].figures["episodes"])
    begun, names = states["learner"].figures["steps"], ("collector0", "replay0", "learner")
    for name in names:
        os.kill(fleet.pids[name], signal.SIGKILL)
    watch_until(
        fleet,
        lambda s: (
            all(s[n].num_restarts for n in names)
            and s["learner"].figures.get("steps", 0) > begun + 15
        ),
    )
    with pytest.raises(FleetError, match="'replay0' refused close"):
        fleet.call("replay0", "close")
    fleet.stop()
    log = list(ExperienceLog(tmp_path / "replay0.log", is_writing=False))
    assert [step.index for step, _ in log] == list(range(len(log)))
    for step, _ in log:
        SPEC.check(step)
    ends = [(e["collector"], e["number"]) for step, e in log if step.is_last]
    assert len(ends) >= num_acknowledged and len(set(ends)) == len(ends)
    for robot in (0, 1):
        numbers = [number for collector, number in ends if collector == robot]
        assert numbers == list(range(len(numbers)))


def test_a_cluster_without_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ConfigError, match="RAY_AUTH_MODE is 'disabled'"):
        RayRuntime("127.0.0.1:6379")


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(FleetError, match="Ray cannot be started at '127.0.0.1:1'"):
        RayRuntime("127.0.0.1:1")


def test_learning_goes_on_without_a_lost_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three raylets one dies; what ran there begins elsewhere, and the log is whole."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", os.environ.get("RAY_AUTH_TOKEN", secrets.token_hex(32)))
    from ray.cluster_utils import Cluster

    own = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=own | {"include_dashboard": False})
    lost, _ = [cluster.add_node(**own, resources={"robot": 2.0}) for _ in range(2)]
    runtime = RayRuntime(cluster.address)
    try:
        with pytest.raises(ConfigError, match="needs 5 of the resource 'robot', .* offers 4"):
            runtime.start(make_cast(small_plan(num_collectors=5), tmp_path))
        runtime.start(make_cast(PLAN, tmp_path))
        states = watch_until(runtime, lambda s: s["learner"].figures.get("steps", 0) > 20)
        begun, logged = states["learner"].figures["steps"], states["replay0"].figures["episodes"]
        cluster.remove_node(lost, allow_graceful=False)
        states = watch_until(
            runtime,
            lambda s: (
                s["learner"].figures.get("steps", 0) > begun + 40
                and any(state.num_restarts for state in s.values())
            ),
        )
        assert not any(states[name].num_restarts for name in ("learner", "replay0"))
    finally:
        runtime.stop()
        cluster.shutdown()
    log = [step for step, _ in ExperienceLog(tmp_path / "replay0.log", is_writing=False)]
    assert [step.index for step in log] == list(range(len(log)))
    assert sum(step.is_last for step in log) >= logged
