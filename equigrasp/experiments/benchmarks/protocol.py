"""What each of the paper's tables asks for: methods, attempts, checkpoints, objects."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from equigrasp.config import from_mapping, read_yaml
from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks.published import row
from equigrasp.experiments.rollouts.protocol import (
    NUM_OBJECTS,
)
from equigrasp.paths import config_dir

RANDOM = "random"  # in the place of a method: uniform over pixels near objects and yaws

ProtocolName = Literal["simulation", "robot"]


@dataclass(frozen=True)
class Benchmark:
    """One table or figure.

    Args:
        protocol: `simulation`: one tray, episodes, validation on the training shapes at every
            checkpoint. `robot`: two trays, the same objects for ever, then tests on unseen ones.
        title: Of its table.
        methods: Names without the size; the first tell most.
    """

    protocol: ProtocolName
    title: str
    methods: tuple[str, ...]


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return the tables and figures of `config/benchmarks/paper.yaml` by name."""
    path = config_dir() / "benchmarks" / "paper.yaml"
    found = read_yaml(path)["benchmarks"]
    return {
        name: from_mapping(Benchmark, values, f"{path}: {name}") for name, values in found.items()
    }


DEFAULT_CELL = {"simulation": "kuka", "robot": "ur5"}  # as published (paper, section 6)
DEFAULT_ATTEMPTS = {"compact": 500, "paper": 1500, "tiny": 22}  # simulation
DEFAULT_VALIDATION = {"compact": 60, "paper": 1000, "tiny": 4}
ROBOT_TEST_ATTEMPTS = 100  # on each unseen set (paper, tables 1 and 2)


@dataclass(frozen=True)
class Conditions:
    """What must be the same for all runs in a results folder.

    Args:
        protocol: See `Benchmark`.
        cell: Name below `config/cells`.
        size: Of the networks.
        objects: Object set.
        validate_every: Attempts between checkpoints.
        validation_attempts: Attempts on the frozen weights of each.
        num_objects: Objects in the trays at the start.
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
        attempts: Attempts of a run; of the on-robot protocol's longer runs twice as many.
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


def protocol_of(names: tuple[str, ...]) -> ProtocolName:
    """Return the protocol that some benchmarks share; raise `ConfigError` where they do not."""
    found = {benchmarks()[name].protocol for name in names if name in benchmarks()}
    if len(found) != 1:
        raise ConfigError(
            f"{', '.join(names)} have different protocols; run table3, figure3 and table5 "
            "together, and table1 and table2."
        )
    return found.pop()
