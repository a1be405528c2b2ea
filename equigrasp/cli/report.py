"""`equigrasp report`: draw a run and write its report."""

import argparse
from pathlib import Path
from typing import Any

from equigrasp.cli.arguments import add_acting_method


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    report = commands.add_parser("report", help="draw a run and write its report.md")
    report.add_argument("folder", type=Path, help="run folder")
    add_acting_method(report, "the run's")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from equigrasp.experiments.runs.report import write_report

    print(write_report(options.folder, options.method, options.size))
    return 0
