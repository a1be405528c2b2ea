"""`equigrasp up`: start the ROS 2 graph and learn."""

import argparse
import sys
from typing import Any

from equigrasp.cli.arguments import (
    add_arguments,
    add_graph_options,
    add_run_options,
    is_resume,
    values_of,
)
from equigrasp.diagnosis.environment import check_ros
from equigrasp.diagnosis.network import choose_network, network_warning


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    from equigrasp.ros.bringup.launch_parts import MODES, NETWORK

    up = commands.add_parser("up", help="start the ROS 2 graph and learn")
    modes = up.add_subparsers(title="modes", required=True, metavar="MODE", dest="mode")
    for name, mode in MODES.items():
        parser = modes.add_parser(name, help=mode.description)
        add_arguments(parser, name)
        add_run_options(parser)
        parser.add_argument(
            "--network",
            default="",
            choices=NETWORK.choices,
            help=f"{NETWORK.description} [{NETWORK.default}]",
        )
        add_graph_options(parser)
        if mode.is_real:
            parser.add_argument(
                "--yes", action="store_true", help="move without being asked first"
            )
        parser.set_defaults(run=_up)


def _up(options: argparse.Namespace) -> int:
    choose_network(options.network)
    if warning := network_warning():
        print(f"equigrasp: {warning}", file=sys.stderr)
    check_ros()
    from equigrasp.ros.bringup.graph_options import options_of
    from equigrasp.ros.bringup.supervisor import Supervisor

    values, graph = values_of(options, options.mode), options_of(options)
    if not (getattr(options, "yes", True) or _is_cell_clear()):
        print("equigrasp: nothing was started.", file=sys.stderr)
        return 1
    return Supervisor(options.mode, values, options.attempts, is_resume(options), graph).run()


def _is_cell_clear() -> bool:
    print(
        "A real robot is about to move: the gripper may open and close at once, then the arm goes\n"
        "home and begins to grasp. Is the cell clear, and your hand on the emergency stop?"
    )
    try:
        return input("Type yes to continue: ").strip().lower() == "yes"
    except EOFError:
        print("No answer; --yes starts without asking.", file=sys.stderr)
        return False
