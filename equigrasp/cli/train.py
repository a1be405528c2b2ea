"""`equigrasp train`: learn in one process, without ROS."""

import argparse
from pathlib import Path
from typing import Any

from equigrasp.cli.arguments import add_arguments, add_run_options, is_resume, values_of, within


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    train = commands.add_parser("train", help="learn in one process, without ROS")
    add_arguments(train, "sim")
    add_run_options(train, least=0)
    train.add_argument(
        "--log",
        action="append",
        default=[],
        type=Path,
        metavar="LOG",
        help="log of another run, as prior data; may be given several times (qt_opt) [none]",
    )
    train.add_argument(
        "--offline-steps",
        type=within(int, 0, 10_000_000),
        default=0,
        help="SGD steps on the logs alone, before any attempt; --attempts 0 takes no others [0]",
    )
    train.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    from equigrasp.experiments.rollouts.train import PriorData, train
    from equigrasp.experiments.runs.report import write_report
    from equigrasp.experiments.runs.run_folder import RunFolder

    prior = PriorData(tuple(str(log.resolve()) for log in options.log), options.offline_steps)
    folder = train(values_of(options, "sim"), options.attempts, is_resume(options), prior)
    if options.attempts:
        print(f"report: {write_report(folder)}")
    else:
        print(f"weights: {RunFolder(folder).newest_weights()}")
    return 0
