"""The paper's figures [%]: Zhu et al., "Equivariant grasp learning in real time", ICLR 2022 submission.

Tables 3 and 5 give validation success after 450 and 1500 attempts, mean and standard error over
runs (headed "std"); tables 1 and 2 give 100 attempts on unseen objects, mean and standard deviation
of three runs. (Headed "std" as well; no three counts of 100 have these figures as their standard
error.) Theirs are another simulator, other objects and a real robot: only the order of the methods
compares.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from equigrasp.config import from_mapping, read_yaml
from equigrasp.errors import ConfigError
from equigrasp.learning.method_names import full_name, name_from_file
from equigrasp.paths import config_dir


@dataclass(frozen=True)
class Figure:
    """A mean and the spread that the paper gives with it [%]."""

    mean: float
    spread: float

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.spread:.1f}"


@dataclass(frozen=True)
class Row:
    """A method in the tables: a row of a file of `config/benchmarks`.

    Section 6.1 of the paper compares the best variation of each baseline. FCN's row cannot be read
    in the copy that we have.

    Args:
        folder: Of its runs in a results folder.
        label: Its name in the paper.
        compact_label: What to call it with compact networks; empty: the same.
        is_resampled: It trains twice as long, on a pool of objects.
        simulation: Published mean and spread by attempts.
        robot: Published mean and spread by set of unseen objects.
        targets: Published figures by set of scenes of `targets`: GSR, and ME or DR [%].
        gain: What pushes add there by set [points].
        weights_of: The method whose training it acts with; empty: its own.
        is_trained: Whether it needs weights.
        without_pushes: The row that is the same without pushes; empty: none.
        figures: Published success by benchmark of `servo`, a figure a column [%].
        configuration: The method that acts, perhaps with its size; empty: the row's own name.
        episodes: Of `servo`: its own episodes, as a share of a training's; 0: it learns from logs alone.
        logs: Of `servo`: rows of logs that it learns from at first, and how much of each: shares of
            `LogAmounts.transitions`.
        collected_by: Of a log: `script`, or the row whose policy acts; empty: it is no log.
        stop_rate: Success in training, as a share, at which it ends and the weights are kept; 0: never.
    """

    folder: str = ""
    label: str = ""
    compact_label: str = ""
    is_resampled: bool = False
    simulation: dict[int, tuple[float, float]] = field(default_factory=dict)
    robot: dict[str, tuple[float, float]] = field(default_factory=dict)
    targets: dict[str, tuple[float, ...]] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)
    weights_of: str = ""
    is_trained: bool = True
    without_pushes: str = ""
    figures: dict[str, tuple[float, ...]] = field(default_factory=dict)
    configuration: str = ""
    episodes: float = 1.0
    logs: dict[str, float] = field(default_factory=dict)
    collected_by: str = ""
    stop_rate: float = 0.0


def benchmark_files() -> list[Path]:
    """Return the files that hold tables and their rows."""
    names = "paper", "push_grasp", "qt_opt"
    return [config_dir() / "benchmarks" / f"{name}.yaml" for name in names]


@cache
def rows() -> dict[str, Row]:
    """Return the rows by method."""
    return _rows("methods")


@cache
def others() -> dict[str, Row]:
    """Return the rows that stand as published, of methods that cannot be run here."""
    return _rows("others")


def _rows(section: str) -> dict[str, Row]:
    return {
        name: from_mapping(Row, values, f"{path}: {name}")
        for path in benchmark_files()
        for name, values in read_yaml(path).get(section, {}).items()
    }


def row(method: str) -> Row:
    """Return a method's row.

    Raises:
        ConfigError: if no table has it; says the new name where it is one of before.
    """
    if method in rows():
        return rows()[method]
    renamed = name_from_file(method).partition(":")[0]
    if renamed != method and renamed in rows():
        raise ConfigError(f"Method '{method}' is called '{renamed}' now.")
    raise ConfigError(f"Method '{method}' is in no table. Methods: {', '.join(rows())}.")


def configuration(method: str, size: str) -> str:
    """Return the full name of the method that a row learns and acts with, at the size of the others."""
    name = row(method).configuration or method
    return full_name(name, "" if ":" in name else size)


def simulation(method: str) -> dict[int, Figure]:
    """Return the published validation success by attempts."""
    return {attempts: Figure(*pair) for attempts, pair in row(method).simulation.items()}


def robot(method: str) -> dict[str, Figure]:
    """Return the published success by set of unseen objects. Table 1 tried the easy set only."""
    return {objects: Figure(*pair) for objects, pair in row(method).robot.items()}


def label(method: str, size: str) -> str:
    """Return what tables and curves call a method with networks of a size."""
    found = row(method)
    return found.compact_label if size == "compact" and found.compact_label else found.label
