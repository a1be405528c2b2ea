"""`equigrasp repair`: repair a run that does not resume."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    repair = commands.add_parser(
        "repair",
        help="repair a run that does not resume",
        description="Cuts the log before its first damaged record, moves files aside that do not fit it, and "
        "reports what was lost. Nothing is deleted: it all goes to the run's folder set_aside/.",
    )
    repair.add_argument("folder", type=Path, help="run folder that no other process uses")
    repair.set_defaults(run=_repair)


def _repair(options: argparse.Namespace) -> int:
    from equigrasp.experiments.runs.repair import repair_run

    print("\n".join(repair_run(options.folder)))
    return 0
