"""`bench.yaml`: under which conditions and from which commits a results folder was filled."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from equigrasp.config import read_yaml
from equigrasp.errors import ConfigError
from equigrasp.experiments.benchmarks.kept_pieces import restore_pieces
from equigrasp.experiments.benchmarks.protocol import Order
from equigrasp.experiments.runs.claims import write_whole
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.simulation.clutter_spreads import clutter_spreads

_NAME = "bench.yaml"


def open_results(out: Path, order: Order, is_any_commit: bool) -> None:
    """Create a results folder, or check that an order belongs into it.

    Methods, seeds and attempts may grow from command to command; conditions may not change.

    Raises:
        ConfigError: if the folder was filled under other conditions or, without
            `is_any_commit`, from another commit.
    """
    path, conditions, present = out / _NAME, asdict(order.conditions), commit()
    if order.conditions.protocol == "targets":
        conditions["spreads"] = clutter_spreads()
    if not path.is_file():
        if any(out.glob("runs/*")):
            raise ConfigError(f"'{out}' holds runs but no {_NAME}; choose another folder.")
        _write(path, {"conditions": conditions, "commits": [present]})
        return
    restore_pieces(out)
    values = read_yaml(path)
    for key, new in conditions.items():
        old = values["conditions"].get(key)
        if old != new:
            raise ConfigError(
                f"'{out}' holds results with {key} '{old}', not '{new}'. "
                "Choose another folder with --out."
            )
    if present in values["commits"]:
        return
    if not is_any_commit:
        raise ConfigError(
            f"'{out}' holds results of commit {', '.join(values['commits'])}; this is {present}. "
            "Check that commit out, choose another folder with --out, or mix them, which "
            f"{_NAME} will tell, with --any-commit."
        )
    _write(path, values | {"commits": [*values["commits"], present]})


def commits_in(out: Path) -> list[str]:
    """Return the commits from which a results folder was filled."""
    return [str(c) for c in read_yaml(out / _NAME)["commits"]]


def _write(path: Path, values: dict[str, Any]) -> None:
    write_whole(path, yaml.safe_dump(values, sort_keys=False))
