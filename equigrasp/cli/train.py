"""`equigrasp train`: learn in one process, without ROS."""

import argparse
from typing import Any

from equigrasp.cli.arguments import add_arguments, add_run_options, is_resume, values_of


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    train = commands.add_parser("train", help="learn in one process, without ROS")
    add_arguments(train, "sim")
    add_run_options(train)
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from equigrasp.experiments.rollouts.train import train
    from equigrasp.experiments.runs.report import write_report

    folder = train(values_of(options, "sim"), options.attempts, is_resume(options))
    print(f"report: {write_report(folder)}")
    return 0
