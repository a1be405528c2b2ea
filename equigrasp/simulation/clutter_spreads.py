"""How far apart the tables' clutter is dropped: a file, which needs no simulator."""

from equigrasp.config import read_yaml
from equigrasp.errors import ConfigError
from equigrasp.paths import config_dir


def clutter_spreads() -> dict[int, float]:
    """Return the half sides [m] of the squares that clutter is dropped over in the tables, by number of objects."""
    spreads = read_yaml(config_dir() / "benchmarks" / "push_grasp.yaml")["spreads"]
    return {int(number): float(spread) for number, spread in spreads.items()}


def clutter_spread(num_objects: int) -> float:
    """Return the half side [m] of the square that so many objects are dropped over in the tables.

    Raises:
        ConfigError: if `config/benchmarks/push_grasp.yaml` names none for this number.
    """
    spreads = clutter_spreads()
    if num_objects not in spreads:
        known = ", ".join(map(str, spreads))
        raise ConfigError(
            f"config/benchmarks/push_grasp.yaml: no spread for {num_objects} objects. Numbers: {known}."
        )
    return spreads[num_objects]
