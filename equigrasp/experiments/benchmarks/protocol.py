"""What each of the paper's tables asks for: methods, attempts, checkpoints, objects."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from equigrasp.config import from_mapping, read_yaml
from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks.published import benchmark_files, row
from equigrasp.experiments.rollouts.protocol import (
    NUM_OBJECTS,
)

# In the place of methods.
RANDOM = "random"  # uniform over pixels near objects and yaws
LIMIT = "limit"  # 64 grasps on each target, from the same state
MOST_LIMIT_TARGETS = 200  # of which so many grasps are tried, of a scene at most:
LIMIT_TARGETS_OF_SCENE = 5

ProtocolName = Literal["simulation", "robot", "targets", "servo"]


@dataclass(frozen=True)
class Benchmark:
    """One table or figure.

    Args:
        protocol: `simulation`: one tray, episodes, validation on the training shapes at every
            checkpoint. `robot`: two trays, the same objects for ever, then tests on unseen ones.
            `targets`: push-grasp's tasks, in which frozen weights fetch targets or clear tables.
            `servo`: grasps in closed loop, frozen weights in the main protocol of `experiments/servo`.
        title: Of its table.
        methods: Names without the size; the first tell most.
        sets: Of `targets`: kinds of scenes, such as `clutter_10`, `clearing_10` and `tight_1`.
        others: Of `targets` and `servo`: rows that stand as published.
        is_gain: Of `targets`: shows what pushes add.
        columns: Of `servo`: heads of the published figures.
        checkpoints: Of `servo`: shares of a training after which its weights are measured.
        note: Of `servo`: what else a reader must know.
    """

    protocol: ProtocolName
    title: str
    methods: tuple[str, ...]
    sets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_gain: bool = False
    columns: tuple[str, ...] = ()
    checkpoints: tuple[float, ...] = (1.0,)
    note: str = ""


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return the tables and figures of `config/benchmarks` by name."""
    return {
        name: from_mapping(Benchmark, values, f"{path}: {name}")
        for path in benchmark_files()
        for name, values in read_yaml(path)["benchmarks"].items()
    }


# As published (paper, section 6); targets: without an arm of which the paper's results would depend.
DEFAULT_CELL = {"simulation": "kuka", "robot": "ur5", "targets": "gantry", "servo": "ur5"}
DEFAULT_OBJECTS = {
    "simulation": "household",
    "robot": "household",
    "targets": "household+random_urdfs",
    "servo": "household",
}
_ATTEMPTS = {"compact": 500, "paper": 1500, "tiny": 22}  # simulation
_VALIDATION = {"compact": 60, "paper": 1000, "tiny": 4}
_ROBOT_ATTEMPTS = 500
_ROBOT_TEST_ATTEMPTS = 100  # on each unseen set (paper, tables 1 and 2)
_PUSHES = 2000  # of a training (EPG, section III-C)
_TIGHT_SHARE = 12  # a tight layout has 100 targets where a clutter has 1200
_TARGETS = 1200  # of a cell: 4 seeds, 300 / N rounds each, N objects (EPG, section IV-A)
_EPISODES = 5000  # of a training in closed loop: about 46 k transitions
_SERVO_TESTS = 700  # episodes a checkpoint (QT-Opt, appendix C)


def default_attempts(protocol: ProtocolName, size: str) -> int:
    """Return the attempts of a run; of `targets` the pushes of a training, of `servo` its episodes."""
    fixed = {"robot": _ROBOT_ATTEMPTS, "targets": _PUSHES, "servo": _EPISODES}
    return fixed.get(protocol, _ATTEMPTS[size])


def default_validation(protocol: ProtocolName, size: str) -> int:
    """Return the attempts, targets or episodes of one validation."""
    fixed = {"robot": _ROBOT_TEST_ATTEMPTS, "targets": _TARGETS, "servo": _SERVO_TESTS}
    return fixed.get(protocol, _VALIDATION[size])


@dataclass(frozen=True)
class LogAmounts:
    """How much is learned from logs, in `servo`.

    Args:
        transitions: Of each kind of log; they stand for the 300 k of QT-Opt's table 9.
        sgd_steps: On the logs, before any episode; the same for all rows.
    """

    transitions: int = 20_000
    sgd_steps: int = 40_000

    def __post_init__(self) -> None:
        for key in ("transitions", "sgd_steps"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")


@dataclass(frozen=True)
class Conditions:
    """What must be the same for all runs in a results folder.

    Args:
        protocol: See `Benchmark`.
        cell: Name below `config/cells`.
        size: Of the networks.
        objects: Object set.
        validate_every: Attempts between checkpoints.
        validation_attempts: Attempts on the frozen weights of each; of `targets`: targets of a cell of
            the table, clearing has rounds with as many objects in all.
        num_objects: Objects in the trays at the start; `targets` and `servo` have their own.
        logs: Of `servo`, else None.
    """

    protocol: ProtocolName
    cell: str = "kuka"
    size: str = "compact"
    objects: str = "household"
    validate_every: int = 150
    validation_attempts: int = 60
    num_objects: int = NUM_OBJECTS
    logs: LogAmounts | None = None

    def __post_init__(self) -> None:
        for key in ("validate_every", "validation_attempts", "num_objects"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")
        if (self.protocol == "servo") != (self.logs is not None):
            raise ConfigError(
                f"logs are for protocol servo, found {self.logs} for {self.protocol}."
            )


@dataclass(frozen=True)
class Order:
    """What one command asks for.

    Args:
        benchmarks: Names in `benchmarks()`, all of one protocol.
        conditions: See there.
        methods: Some of their methods; empty: all.
        seeds: A run of each method for each.
        attempts: Attempts of a run; of the on-robot protocol's longer runs twice as many. Of `targets`:
            pushes of a training; of `servo`: its episodes.
    """

    benchmarks: tuple[str, ...]
    conditions: Conditions
    methods: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    attempts: int = 500

    def __post_init__(self) -> None:
        for name in self.benchmarks:
            if name not in benchmarks():
                raise ConfigError(
                    f"Unknown benchmark '{name}'. Known: speed, {', '.join(benchmarks())}."
                )
        protocol_of(self.benchmarks)
        unknown = sorted(set(self.methods) - set(self._all_methods()))
        if unknown:
            row(unknown[0])  # tells of a name of before
            raise ConfigError(
                f"Method '{unknown[0]}' is not part of {', '.join(self.benchmarks)}. "
                f"Methods: {', '.join(self._all_methods())}."
            )
        if self.attempts < 1 or not self.seeds:
            raise ConfigError(f"Nothing to do: {self.attempts} attempts, seeds {self.seeds}.")

    def chosen_methods(self) -> list[str]:
        """Return the methods to run, in the order that tells most."""
        return [m for m in self._all_methods() if not self.methods or m in self.methods]

    def _all_methods(self) -> list[str]:
        return list(dict.fromkeys(m for b in self.benchmarks for m in benchmarks()[b].methods))


def num_targets(method: str, scenes: str, conditions: Conditions) -> int:
    """Return how many targets a row of `targets` has in a set of scenes, such as `tight_1`."""
    count = conditions.validation_attempts
    if scenes.startswith("tight"):
        count = max(1, round(count / _TIGHT_SHARE))
    return min(count, MOST_LIMIT_TARGETS) if method == LIMIT else count


def protocol_of(names: tuple[str, ...]) -> ProtocolName:
    """Return the protocol that some benchmarks share; raise `ConfigError` where they do not."""
    found = {benchmarks()[name].protocol for name in names if name in benchmarks()}
    if len(found) != 1:
        raise ConfigError(
            f"{', '.join(names)} have different protocols; run table3, figure3 and table5 "
            "together, table1 and table2, those whose names begin with push, and those that begin with qt."
        )
    return found.pop()
