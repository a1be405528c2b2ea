"""`equigrasp fleet` from its arguments: learning from logs alone, and what is refused before anything starts."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from equigrasp.cli.main import main
from equigrasp.errors import ConfigError, EquigraspError, ReplayError
from equigrasp.experiments.fleet.command import FleetOrder, run_fleet
from equigrasp.experiments.fleet.plan import load_plan
from equigrasp.experiments.runs.claims import claim
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.replay.experience_log import ExperienceLog
from equigrasp.replay.step import ExperienceSpec, Step

sys.path.append(str(Path(__file__).parents[2] / "methods"))
from servo_steps import WORKSPACE, make_run  # noqa: E402

METHOD, CONFIG = load_method("qt_opt:tiny")
SMALL = {"num_collectors": 0, "capacity": 500, "label_capacity": 100, "publish_every": 3, "lag": 3}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)


def write_log(path: Path, steps: list[Step], spec: ExperienceSpec) -> str:
    """Write a log and return its name."""
    log = ExperienceLog(path, spec)
    log.append_episode([(step, {"time": float(step.index)}) for step in steps])
    log.close()
    return str(path)


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log of ten made-up episodes."""
    return write_log(
        tmp_path / "made.log", make_run(CONFIG, 40), METHOD.make_spec(CONFIG, WORKSPACE)
    )


def order_of(out: Path, *logs: str, method: str = "qt_opt:tiny", **changes: Any) -> FleetOrder:
    """Return an order of a small fleet."""
    return FleetOrder(out, method, logs=logs, changes=SMALL | {"max_steps": 6} | changes)


def run(order: FleetOrder, is_resume: bool | None = None) -> tuple[Path, list[str]]:
    """Run a fleet; return its weights and the tables that were shown."""
    tables = list[str]()
    return run_fleet(order, is_resume, lambda table, is_last: tables.append(table)), tables


def test_logs_alone_teach_and_the_run_goes_on(log: str, tmp_path: Path) -> None:
    """Equal seeds give equal weights, which a policy takes; the same folder goes on from there."""
    out = tmp_path / "a"
    weights, tables = run(order_of(out, log))
    assert (
        weights == RunFolder(out).newest_weights() == out / "weights/policy_00000006.safetensors"
    )
    assert "1/1" in tables[-1] and "at step 6 of 6" in tables[-1]
    policy = METHOD.make_policy(CONFIG, METHOD.make_networks(CONFIG, 0))
    metadata = load_trained_weights(policy, weights, CONFIG, (WORKSPACE,))
    assert (metadata["method"], policy.version) == ("qt_opt", 6)
    assert RunFolder(out).read_config()["arguments"]["method"] == "qt_opt:tiny"
    assert load_plan(str(out / "fleet.yaml")).logs == (log,)
    again, _ = run(order_of(tmp_path / "b", log))
    digests = [tensor_digest(load_weights(path)[0]) for path in (weights, again)]
    assert digests[0] == digests[1]
    more, _ = run(order_of(out, str(tmp_path / "made.log"), max_steps=9), True)
    assert load_weights(more)[1]["version"] == "9"


def test_weights_of_another_run_come_first(log: str, tmp_path: Path) -> None:
    first, _ = run(order_of(tmp_path / "a", log))
    order = order_of(tmp_path / "b", log, max_steps=1)
    run(replace(order, weights=str(tmp_path / "a")))
    begun = tmp_path / "b" / "weights" / "policy_00000000.safetensors"
    assert tensor_digest(load_weights(begun)[0]) == tensor_digest(load_weights(first)[0])
    with pytest.raises(ConfigError, match="holds a run with weights '.*', not ''"):
        run(order)


def refused(order: FleetOrder, error: type[EquigraspError], message: str) -> None:
    """Check that an order is refused and leaves nothing behind that a run would."""
    with pytest.raises(error, match=message):
        run(order)
    assert not (order.out / "config.yaml").exists() and not (order.out / "weights").exists()


def test_logs_that_do_not_fit_are_refused(log: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    other = replace(CONFIG, network=replace(CONFIG.network, crop_px=24))
    small = write_log(
        tmp_path / "small.log", make_run(other, 8), METHOD.make_spec(other, WORKSPACE)
    )
    refused(
        order_of(out, log, small), ReplayError, r"small.log: step 0 .*'observation.heights' must"
    )
    foreign = ExperienceSpec({}, {})
    step = Step(0, 0, {}, {}, 1.0)
    refused(
        order_of(out, write_log(tmp_path / "foreign.log", [step], foreign)),
        ReplayError,
        "foreign.log: step 0 .*observation of a step must hold age, bounds",
    )
    write_log(tmp_path / "empty.log", [], foreign)
    refused(order_of(out, str(tmp_path / "empty.log")), ConfigError, "empty.log' holds no steps")
    data = bytearray(Path(log).read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "bad.log").write_bytes(data)
    refused(order_of(out, str(tmp_path / "bad.log")), ReplayError, "bad.log: the record at byte")


def test_orders_that_cannot_be_are_refused(log: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(order_of(out), ConfigError, "from collectors or from logs; found neither")
    refused(order_of(out, str(tmp_path / "none")), ConfigError, "There is no log '.*none'")
    refused(order_of(out, log, log), ConfigError, "is named twice")
    refused(order_of(tmp_path, log), ConfigError, "is a log of this very run")
    refused(order_of(out, log, method="asr:tiny"), ConfigError, "'asr' does not learn .* qt_opt")
    refused(order_of(out, log, method="qt_opt/double:tiny"), ConfigError, "single or clipped")
    refused(order_of(out, log, num_shards=0), ConfigError, "num_shards must be at least 1")
    at_gantry = FleetOrder(out, "qt_opt:tiny", cell="gantry", changes={"num_collectors": 1})
    refused(at_gantry, ConfigError, "Cell 'gantry' has no camera 'front'")
    with pytest.raises(ConfigError, match="add --runtime ray, found embedded"):
        FleetOrder(out, "qt_opt:tiny", address="10.0.0.1:6379")


def test_a_folder_has_one_fleet(log: str, tmp_path: Path) -> None:
    with claim(tmp_path / "out" / "fleet.lock"):
        refused(order_of(tmp_path / "out", log), ConfigError, "Another fleet is at work")
    RunFolder(tmp_path / "out").begin({"seed": "0"}, {}, None)
    with pytest.raises(ConfigError, match="holds a run of `equigrasp train` or `up`"):
        run(order_of(tmp_path / "out", log))


def test_the_command_line_says_what_is_wrong(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fleet", "--size", "tiny", "--out", str(tmp_path / "out"), "--steps", "2"]
    assert main([*arguments, "--collectors", "0"]) == 2
    assert "found neither" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "--runtime", "cloud"])
    assert "invalid choice: 'cloud'" in capsys.readouterr().err
    assert main([*arguments, "--plan", "logs_only", "--log", log]) == 0
    shown = capsys.readouterr().out
    assert "policy_00000002.safetensors" in shown and "labels/s" in shown
