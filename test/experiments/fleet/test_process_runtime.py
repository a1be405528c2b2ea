"""A fleet of processes that are killed: no logged episode is lost or torn, and learning goes on."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_watch import PATIENCE, small_plan, watch_until
from reach_fleet import SPEC

from equigrasp.experiments.fleet.message import FleetError, PeerGoneError
from equigrasp.experiments.fleet.monitor import FleetMonitor
from equigrasp.experiments.fleet.plan import make_cast
from equigrasp.experiments.fleet.process_runtime import ProcessRuntime
from equigrasp.experiments.fleet.runtime import RoleState
from equigrasp.experiments.fleet.sockets import SocketPeers
from equigrasp.replay.experience_log import ExperienceLog

pytestmark = pytest.mark.slow
PLAN = small_plan(num_collectors=1, num_updaters=1, max_steps=100_000)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[ProcessRuntime]:
    """A fleet of six processes."""
    runtime = ProcessRuntime()
    runtime.start(make_cast(PLAN, tmp_path))
    yield runtime
    runtime.stop()


def steps(states: dict[str, RoleState]) -> float:
    """Return the learner's SGD steps; -1: it has not reported since it was started again."""
    return states["learner"].figures.get("steps", -1.0)


def whole_episodes(log: Path) -> list[tuple[int, int]]:
    """Return (collector, number) of each episode in a log; fail where one is torn or out of order."""
    found, before = [], None
    for count, (step, extras) in enumerate(ExperienceLog(log, is_writing=False)):
        SPEC.check(step)
        assert step.index == count
        if before is not None and before.is_last:
            assert step.episode == before.episode + 1
        elif before is not None:
            assert step.episode == before.episode
        if step.is_last:
            found.append((extras["collector"], extras["number"]))
        before = step
    assert len(set(found)) == len(found), "an episode is in the log twice"
    return found


@pytest.mark.timeout(900)
def test_whoever_is_killed_nothing_is_lost(fleet: ProcessRuntime, tmp_path: Path) -> None:
    """First those that work are killed, in their midst, then those that keep what the others need."""
    log = tmp_path / "replay0.log"
    for names in (("collector0", "updater0", "learner"), ("replay0", "labels", "weights")):
        states = watch_until(fleet, lambda s: steps(s) > 0 and bool(s["replay0"].figures))
        num_acknowledged, begun = int(states["replay0"].figures["episodes"]), steps(states)
        for name in names:
            os.kill(fleet.pids[name], signal.SIGKILL)
        states = watch_until(fleet, lambda s, names=names: all(s[n].num_restarts for n in names))
        assert {states[name].reason for name in names} == {"SIGKILL"}
        assert f"! {names[0]}: ended by SIGKILL" in FleetMonitor().table(states, 0.0)
        watch_until(fleet, lambda s, begun=begun: steps(s) > begun + 15)
        assert len(whole_episodes(log)) >= num_acknowledged
    fleet.stop()
    found = whole_episodes(log)
    assert [number for _, number in found] == list(range(len(found)))


def test_who_knows_no_key_is_refused(fleet: ProcessRuntime) -> None:
    stranger = SocketPeers(fleet._folder, b"guessed")
    with pytest.raises(PeerGoneError, match="AuthenticationError"):
        stranger.call("replay0", "counts")
    assert fleet.call("replay0", "counts")[0] >= 0
    with pytest.raises(
        FleetError, match="'replay0' refused close: FleetError: 'close' is not offered"
    ):
        fleet.call("replay0", "close")


def test_all_end_with_their_owner(tmp_path: Path) -> None:
    """It is killed, so that it can end nobody itself."""
    program = f"""
        import sys, time
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from test_process_runtime import PLAN
        from equigrasp.experiments.fleet.plan import make_cast
        from equigrasp.experiments.fleet.process_runtime import ProcessRuntime
        if __name__ == "__main__":
            runtime = ProcessRuntime()
            runtime.start(make_cast(PLAN, Path({str(tmp_path)!r})))
            print(*runtime.pids.values(), flush=True)
            time.sleep(1000)
    """
    path = tmp_path / "owner.py"
    path.write_text(textwrap.dedent(program))
    owner = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert len(pids) == 6
    owner.kill()
    owner.wait()
    end = time.monotonic() + PATIENCE
    while any(_runs(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(_runs(pid) for pid in pids)


def test_a_role_that_cannot_begin_is_named(tmp_path: Path) -> None:
    log = ExperienceLog(tmp_path / "replay0.log", SPEC)  # as of a fleet that runs in this folder
    runtime = ProcessRuntime()
    with pytest.raises(FleetError, match="'replay0' ended by exit code 1 before it began"):
        runtime.start(make_cast(PLAN, tmp_path))
    log.close()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
