"""`pieces.json`: what all finished pieces of a results folder found, in one file that is easy to keep."""

import re
from pathlib import Path

from equigrasp.errors import ConfigError
from equigrasp.experiments.runs.claims import read_json, write_json

_NAME = "pieces.json"
_RUNS = "runs"
_PIECE = re.compile(
    r"runs/[\w-]+/seed_\d+/((training|simulation|validation)_\w+|collection)\.json"
)


def keep_pieces(out: Path) -> None:
    """Write the results of all finished pieces of a folder into one file."""
    names = sorted(p.relative_to(out).as_posix() for p in out.glob(f"{_RUNS}/*/seed_*/*.json"))
    write_json(out / _NAME, {n: read_json(out / n) for n in names if _PIECE.fullmatch(n)})


def restore_pieces(out: Path) -> None:
    """Write the results of a folder that was kept without its runs where they were.

    Raises:
        ConfigError: if a result has another name than a piece's.
    """
    if (out / _RUNS).exists():
        return
    kept = read_json(out / _NAME) or {}
    if strange := [name for name in kept if not _PIECE.fullmatch(name)]:
        raise ConfigError(f"'{out / _NAME}' holds '{strange[0]}', which is no piece of a plan.")
    for name, values in kept.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_json(out / name, values)
