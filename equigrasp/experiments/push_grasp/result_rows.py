"""Results as CSV, a row a target or round: written one by one, read back whole."""

import csv
import io
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def read_rows(path: Path, kind: type[T]) -> list[T]:
    """Return the rows of a file, none if there is none; a last line that a crash tore is cut off.

    Args:
        path: The file.
        kind: Frozen dataclass of numbers, flags and words.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [_parse(kind, row) for row in csv.DictReader(io.StringIO(whole))]


def append_row(path: Path, row: Any) -> None:
    """Append a dataclass to a file, below a line of its fields' names."""
    is_new = not path.is_file() or not path.stat().st_size
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def _parse(kind: type[T], row: dict[str, str]) -> T:
    convert: dict[Any, Any] = {bool: lambda text: text == "True", int: int, float: float, str: str}
    values = {f.name: convert[f.type](row[f.name]) for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**values)
