"""`equigrasp repair`: mend a run that does not resume."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    repair = commands.add_parser(
        "repair",
        help="mend a run that does not resume",
        description="Cuts the log before its first damaged record, moves aside what does not fit it, and "
        "says what was lost. Nothing is deleted: all of it lies in the run's folder set_aside/.",
    )
    repair.add_argument("folder", type=Path, help="run folder, on which nobody works")
    repair.set_defaults(run=_repair)


def _repair(options: argparse.Namespace) -> int:
    from equigrasp.experiments.runs.repair import repair_run

    print("\n".join(repair_run(options.folder)))
    return 0
