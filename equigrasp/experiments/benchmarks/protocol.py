"""What each of the paper's tables asks for: methods, attempts, checkpoints, objects."""

from dataclasses import dataclass
from typing import Literal

from equigrasp.errors import ConfigError
from equigrasp.experiments.rollouts.protocol import (
    NUM_OBJECTS,
)

RANDOM = "random"  # in the place of a method: uniform over pixels near objects and yaws
RESAMPLED = ("asr_c32",)  # methods that train on the pool

ProtocolName = Literal["simulation", "robot"]


@dataclass(frozen=True)
class Benchmark:
    """One table or figure.

    Args:
        protocol: `simulation`: one tray, episodes, validation on the training shapes at every
            checkpoint. `robot`: two trays, the same objects for ever, then tests on unseen ones.
        title: Of its table.
        methods: File names below `config/methods`, without the size; the first tell most.
    """

    protocol: ProtocolName
    title: str
    methods: tuple[str, ...]


BASELINES = (
    "asr",
    "asr_cross_entropy",
    "equigrasp",
    "rot_fcn",
    "asr_baseline",
    "fcn",
    "equ_asr",
    "rad_rot_fcn",
    "drq_asr",
    "rad_asr",
    "rad_fcn",
)
ABLATIONS = (
    "asr",
    "asr_no_equivariance",
    "equ_asr",
    "asr_no_fcb",
    "asr_no_off_policy_loss",
    "asr_no_on_policy_target",
    "asr_epsilon_greedy",
    "asr_no_failure_priority",
    "asr_no_augmentation_buffer",
)
BENCHMARKS = {
    "table3": Benchmark("simulation", "Table 3: baselines, simulation", BASELINES),
    "figure3": Benchmark("simulation", "Figure 3: baselines, simulation", BASELINES),
    "table5": Benchmark("simulation", "Table 5: ablations, simulation", ABLATIONS),
    "table1": Benchmark(
        "robot",
        "Table 1: 500 attempts, two trays",
        ("random", "asr", "equigrasp", "rot_fcn", "asr_baseline"),
    ),
    "table2": Benchmark(
        "robot",
        "Table 2: 500 and 1000 attempts, two trays",
        ("random", "asr", "equigrasp", "asr_c32"),
    ),
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
        size: Of the networks: the end of the methods' file names.
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
        benchmarks: Names in `BENCHMARKS`, all of one protocol.
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
            if name not in BENCHMARKS:
                raise ConfigError(
                    f"Unknown benchmark '{name}'. Known: speed, {', '.join(BENCHMARKS)}."
                )
        protocol_of(self.benchmarks)
        unknown = sorted(set(self.methods) - set(self._all_methods()))
        if unknown:
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
        return list(dict.fromkeys(m for b in self.benchmarks for m in BENCHMARKS[b].methods))


def protocol_of(benchmarks: tuple[str, ...]) -> ProtocolName:
    """Return the protocol that some benchmarks share; raise `ConfigError` where they do not."""
    found = {BENCHMARKS[name].protocol for name in benchmarks if name in BENCHMARKS}
    if len(found) != 1:
        raise ConfigError(
            f"{', '.join(benchmarks)} have different protocols; run table3, figure3 and table5 "
            "together, and table1 and table2."
        )
    return found.pop()
