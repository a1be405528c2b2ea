"""The paper's figures [%]: Zhu et al., "Equivariant grasp learning in real time", ICLR 2022 submission.

Tables 3 and 5 give validation success after 450 and 1500 attempts, mean and standard error over
runs (headed "std"); tables 1 and 2 give 100 attempts on unseen objects, mean and standard deviation
of three runs. (Headed "std" as well; no three counts of 100 have these figures as their standard
error.) Theirs are another simulator, other objects and a real robot: only the order of the methods
compares.
"""

from dataclasses import dataclass, field
from functools import cache

from equigrasp.config import from_mapping, read_yaml
from equigrasp.errors import ConfigError
from equigrasp.learning.method_names import name_from_file
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
    """A method in the tables: a row of `config/benchmarks/paper.yaml`.

    Section 6.1 of the paper compares the best variation of each baseline. FCN's row cannot be read
    in the copy that we have.

    Args:
        folder: Of its runs in a results folder.
        label: Its name in the paper.
        compact_label: What to call it with compact networks; empty: the same.
        is_resampled: It trains twice as long, on a pool of objects.
        simulation: Published mean and spread by attempts.
        robot: Published mean and spread by set of unseen objects.
    """

    folder: str
    label: str
    compact_label: str = ""
    is_resampled: bool = False
    simulation: dict[int, tuple[float, float]] = field(default_factory=dict)
    robot: dict[str, tuple[float, float]] = field(default_factory=dict)


@cache
def rows() -> dict[str, Row]:
    """Return the rows by method."""
    path = config_dir() / "benchmarks" / "paper.yaml"
    methods = read_yaml(path)["methods"]
    return {name: from_mapping(Row, values, f"{path}: {name}") for name, values in methods.items()}


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
