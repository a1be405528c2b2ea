"""`equigrasp report`: draw a run and write its report."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    report = commands.add_parser("report", help="draw a run and write its report.md")
    report.add_argument("folder", type=Path, help="run folder")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from equigrasp.experiments.runs.report import write_report

    print(write_report(options.folder))
    return 0
