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

ProtocolName = Literal["simulation", "robot", "targets"]


@dataclass(frozen=True)
class Benchmark:
    """One table or figure.

    Args:
        protocol: `simulation`: one tray, episodes, validation on the training shapes at every
            checkpoint. `robot`: two trays, the same objects for ever, then tests on unseen ones.
            `targets`: push-grasp's tasks, in which frozen weights fetch targets or clear tables.
        title: Of its table.
        methods: Names without the size; the first tell most.
        sets: Of `targets`: kinds of scenes, such as `clutter_10`, `clearing_10` and `tight_1`.
        others: Of `targets`: rows that stand as published.
        is_gain: Of `targets`: shows what pushes add.
    """

    protocol: ProtocolName
    title: str
    methods: tuple[str, ...]
    sets: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_gain: bool = False


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return the tables and figures of `config/benchmarks` by name."""
    return {
        name: from_mapping(Benchmark, values, f"{path}: {name}")
        for path in benchmark_files()
        for name, values in read_yaml(path)["benchmarks"].items()
    }


# As published (paper, section 6); targets: without an arm of which the paper's results would depend.
DEFAULT_CELL = {"simulation": "kuka", "robot": "ur5", "targets": "gantry"}
DEFAULT_OBJECTS = {
    "simulation": "household",
    "robot": "household",
    "targets": "household+random_urdfs",
}
_ATTEMPTS = {"compact": 500, "paper": 1500, "tiny": 22}  # simulation
_VALIDATION = {"compact": 60, "paper": 1000, "tiny": 4}
_ROBOT_ATTEMPTS = 500
_ROBOT_TEST_ATTEMPTS = 100  # on each unseen set (paper, tables 1 and 2)
_PUSHES = 2000  # of a training (EPG, section III-C)
_TIGHT_SHARE = 12  # a tight layout has 100 targets where a clutter has 1200
_TARGETS = 1200  # of a cell: 4 seeds, 300 / N rounds each, N objects (EPG, section IV-A)


def default_attempts(protocol: ProtocolName, size: str) -> int:
    """Return the attempts of a run; of `targets` the pushes of a training."""
    return {"robot": _ROBOT_ATTEMPTS, "targets": _PUSHES}.get(protocol, _ATTEMPTS[size])


def default_validation(protocol: ProtocolName, size: str) -> int:
    """Return the attempts, or targets, of one validation."""
    return {"robot": _ROBOT_TEST_ATTEMPTS, "targets": _TARGETS}.get(protocol, _VALIDATION[size])


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
        num_objects: Objects in the trays at the start; `targets` has its own.
    """

    protocol: ProtocolName
    cell: str = "kuka"
    size: str = "compact"
    objects: str = "household"
    validate_every: int = 150
    validation_attempts: int = 60
    num_objects: int = NUM_OBJECTS

    def __post_init__(self) -> None:
        for key in ("validate_every", "validation_attempts", "num_objects"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1, found {getattr(self, key)}.")


@dataclass(frozen=True)
class Order:
    """What one command asks for.

    Args:
        benchmarks: Names in `benchmarks()`, all of one protocol.
        conditions: See there.
        methods: Some of their methods; empty: all.
        seeds: A run of each method for each.
        attempts: Attempts of a run; of the on-robot protocol's longer runs twice as many. Of `targets`:
            pushes of a training.
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
            "together, table1 and table2, and those whose names begin with push."
        )
    return found.pop()
