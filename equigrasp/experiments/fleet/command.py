"""`equigrasp fleet`: a fleet begins or goes on in a run folder, and ends when it has learned or is told to."""

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import yaml

from equigrasp.config import to_mapping
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.end_signals import end_signals, let_go_of_terminal
from equigrasp.errors import ConfigError
from equigrasp.experiments.fleet.embedded_runtime import EmbeddedRuntime
from equigrasp.experiments.fleet.fleet_metrics import write_metrics
from equigrasp.experiments.fleet.log_check import check_log, find_logs
from equigrasp.experiments.fleet.method_parts import (
    PLACE,
    MethodSettings,
    check_collecting,
    labelled_learning,
    make_parts,
)
from equigrasp.experiments.fleet.monitor import FleetMonitor
from equigrasp.experiments.fleet.plan import FleetPlan, load_plan, make_cast
from equigrasp.experiments.fleet.process_runtime import ProcessRuntime
from equigrasp.experiments.fleet.ray_runtime import RayRuntime
from equigrasp.experiments.fleet.runtime import RoleState, Runtime
from equigrasp.experiments.runs.claims import claim, write_whole
from equigrasp.experiments.runs.run_folder import RunFolder
from equigrasp.learning.method import Method
from equigrasp.learning.trained_weights import check_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.simulation.object_sets.registry import check_object_set

RuntimeName = Literal["embedded", "processes", "ray"]
_TABLE_PERIOD = 5.0  # [s] between two tables
_RUNTIME = "runtime"  # the argument that tells a fleet's folder from others


@dataclass(frozen=True)
class FleetOrder:
    """What a fleet is to do.

    Args:
        out: Run folder.
        method: Full name of the method.
        runtime: Engine that runs the roles.
        address: Of a Ray cluster that runs; empty: Ray is started on this machine.
        plan: Name or file of the plan.
        cell: Name of the simulated cell.
        objects: Object set.
        split: Part of it.
        seed: Of the run.
        weights: To begin with: a run folder, a name below models, or a file; empty: untrained.
        logs: Logs or run folders to learn from.
        changes: Keys of the plan with other values than there.
    """

    out: Path
    method: str
    runtime: RuntimeName = "embedded"
    address: str = ""
    plan: str = "default"
    cell: str = "ur5"
    objects: str = "household"
    split: str = "train"
    seed: int = 0
    weights: str = ""
    logs: tuple[str, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.address and self.runtime != "ray":
            raise ConfigError(
                f"The address '{self.address}' is one of Ray's: add --runtime ray, found {self.runtime}."
            )


def run_fleet(
    order: FleetOrder, is_resume: bool | None, tell: Callable[[str, bool], None]
) -> Path:
    """Run a fleet until it has taken the SGD steps of its plan; return its newest weights.

    Args:
        order: See there.
        is_resume: See `RunFolder.begin`.
        tell: Takes a table of the fleet, and whether it is the last one.

    Raises:
        ConfigError: if something is unknown or does not fit, or another fleet is at work in the folder.
        ReplayError: if a log is damaged, or of another method or size.
        WeightsError: if the weights to begin with do not fit.
        KeyboardInterrupt: if a signal has ended it; what was learned is saved.
    """
    method, config = load_method(order.method)
    run, plan = RunFolder(order.out), make_plan(order, method, config)
    _check_kind(run)
    _check_logs(plan)
    with claim(order.out / "fleet.lock") as is_mine:
        if not is_mine:
            raise ConfigError(
                f"Another fleet is at work in '{order.out}'. End it, or choose another folder with --out."
            )
        runtime = make_runtime(order, plan)
        try:
            run.begin(_arguments(order, plan), to_mapping(config), is_resume)
            text = yaml.safe_dump(to_mapping(plan), sort_keys=False)
            write_whole(order.out / "fleet.yaml", text)
            runtime.start(make_cast(plan, order.out.resolve()))
            _watch(runtime, plan, tell)
        finally:
            runtime.stop()
            if run.config.is_file():
                write_metrics(run.path, run.metrics)
    return run.newest_weights()


def make_plan(order: FleetOrder, method: Method[Any], config: Any) -> FleetPlan:
    """Return the plan of a fleet; what neither file nor options say is as the method has it.

    Raises:
        ConfigError: if the method does not learn in a fleet, or something is unknown or does not fit.
        WeightsError: if the weights to begin with do not fit.
    """
    schedule = labelled_learning(method).schedule(config)
    weights = _first_weights(order, method, config)
    above = dict(order.changes) | {"parts": PLACE, "of_parts": {}, "seed": order.seed}
    if order.logs:
        above["logs"] = [str(path) for path in find_logs(order.logs, order.out)]
    if weights:
        above["num_scripted"] = 0  # who knows something acts
    plan = load_plan(order.plan, dataclasses.asdict(schedule), above)
    if plan.num_collectors:
        check_collecting(method, order.cell)
        check_object_set(order.objects)
    has_begun = any((order.out / "checkpoints").glob("*.safetensors"))
    settings = MethodSettings(
        str(config.method),
        to_mapping(config),
        order.cell,
        order.objects,
        order.split,
        order.seed,
        "" if has_begun or not weights else str(weights.resolve()),
        -(-plan.num_scripted // max(1, plan.num_collectors)),
    )
    return dataclasses.replace(plan, of_parts=settings.as_mapping())


def make_runtime(order: FleetOrder, plan: FleetPlan) -> Runtime:
    """Return the engine that an order names; raise `ConfigError` if it is not installed, or set up unsafely."""
    if order.runtime == "ray":
        try:
            return RayRuntime(order.address, {"robot": float(plan.num_collectors)})
        except ImportError as error:
            raise ConfigError(str(error)) from error
    return ProcessRuntime() if order.runtime == "processes" else EmbeddedRuntime()


def _arguments(order: FleetOrder, plan: FleetPlan) -> dict[str, str]:
    return {
        "cell": order.cell,
        "method": order.method,
        "objects": order.objects,
        "split": order.split,
        "seed": str(order.seed),
        "weights": order.weights,
        _RUNTIME: order.runtime,
        "plan": order.plan,
        "collectors": str(plan.num_collectors),
    }


def _first_weights(order: FleetOrder, method: Method[Any], config: Any) -> Path | None:
    if not order.weights:
        return None
    folder = Path(order.weights)
    path = RunFolder(folder).newest_weights() if folder.is_dir() else find_weights(order.weights)
    cell = load_cell(order.cell)
    check_trained_weights(path, method.make_networks, config, cell.workspaces, cell.gripper)
    return path


def _check_kind(run: RunFolder) -> None:
    """Raise `ConfigError` if the folder holds a run that is no fleet's."""
    if run.config.exists() and _RUNTIME not in run.read_config()["arguments"]:
        raise ConfigError(
            f"'{run.path}' holds a run of `equigrasp train` or `up`, which no fleet carries on. Choose another "
            f"folder with --out; --log {run.path} learns from its log, --from {run.path} from its weights on."
        )


def _check_logs(plan: FleetPlan) -> None:
    spec = make_parts(plan.of_parts).spec
    for log in plan.logs:
        check_log(Path(log), spec)


def _watch(runtime: Runtime, plan: FleetPlan, tell: Callable[[str, bool], None]) -> None:
    """Let the fleet work until it has learned, or a signal comes."""
    monitor, shown_at = FleetMonitor(plan.max_steps), time.monotonic()
    with _noted_signals() as told:
        while True:
            states = runtime.watch()
            is_over = bool(told) or _has_learned(states, plan)
            if is_over or time.monotonic() - shown_at > _TABLE_PERIOD:
                shown_at = time.monotonic()
                tell(monitor.table(states, shown_at), is_over)
            if told:
                raise KeyboardInterrupt
            if is_over:
                return


def _has_learned(states: Mapping[str, RoleState], plan: FleetPlan) -> bool:
    return states["learner"].figures.get("steps", 0) >= plan.max_steps


@contextlib.contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Note the signals that ask a command to end, so that no turn is cut in its midst; a second one ends it at once."""
    told = list[int]()
    if threading.current_thread() is not threading.main_thread():
        yield told
        return

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
        if told:
            raise KeyboardInterrupt
        told.append(number)

    before = {number: signal.signal(number, note) for number in end_signals()}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
