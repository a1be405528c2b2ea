"""The command `equigrasp`."""

import argparse
import contextlib
import importlib
import io
import sys

from equigrasp.cli.arguments import Parser
from equigrasp.cli.termination import terminating_as_ctrl_c
from equigrasp.diagnosis.environment import foreign_cause, import_problem
from equigrasp.errors import ConfigError, EquigraspError

_COMMANDS = (
    "up",
    "train",
    "fleet",
    "pretrain",
    "evaluate",
    "publish",
    "report",
    "repair",
    "bench",
    "virtual",
    "doctor",
    "calibrate",
)

EPILOG = """examples:
  equigrasp up sim --attempts 500 --real-time-factor 4   learn over ROS 2, simulated robot
  equigrasp doctor --cell ur5 --robot-ip 192.168.1.102   check a real robot cell; moves nothing
  equigrasp up ur5 --robot-ip 192.168.1.102              learn on a real robot
  equigrasp virtual ur5                                  a virtual UR5 cell
  equigrasp train --attempts 300 --out results/a         the same method in one process
  equigrasp fleet --runtime processes --out results/f     several simulated robots, one learner
  equigrasp pretrain --out results/b                     first weights without a grasp
  equigrasp evaluate results/a --attempts 100            frozen weights on unseen objects
  equigrasp report results/a                             draw the curve, write report.md
  equigrasp repair results/a                             repair a run that does not resume
  equigrasp publish results/a --name my_weights          weights and model card from a run
  equigrasp doctor                                       check machine and installation
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return an exit code."""
    _tolerate_any_terminal()
    words = sys.argv[1:] if argv is None else argv
    # What the others import takes 90 MB for as long as `up` runs, and `doctor` runs where it cannot be imported.
    named = tuple(word for word in words[:1] if word in _COMMANDS)
    try:
        parser = _parser(named or _COMMANDS)
    except Exception as error:  # whatever a package of another Python raises
        return _cannot_import(error)
    options = parser.parse_args(words)
    try:
        with terminating_as_ctrl_c():
            return int(options.run(options))
    except ConfigError as error:
        print(f"equigrasp: {error}", file=sys.stderr)
        return 2  # as for an option that argparse does not know
    except EquigraspError as error:
        print(f"equigrasp: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"equigrasp: '{error.filename}': {error.strerror}.", file=sys.stderr)
        return 1
    except ImportError as error:
        problem = import_problem(error)
        print(
            f"equigrasp: {error}. To fix it: {problem.remedy}; or see `equigrasp doctor`.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("equigrasp: stopped; what was learned is saved.", file=sys.stderr)
        return 130
    except Exception as error:  # the command imports what its parser did without
        if not foreign_cause(error):
            raise
        return _cannot_import(error)


def _cannot_import(error: Exception) -> int:
    problem = import_problem(error)
    print(f"equigrasp: {problem.what}. To fix it: {problem.remedy}.", file=sys.stderr)
    return 1


def _tolerate_any_terminal() -> None:
    """Replace letters that the terminal cannot show: they are no reason to end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):  # a stream that is closed
                stream.reconfigure(errors="replace")


def _parser(names: tuple[str, ...]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="equigrasp",
        description="A robot learns to grasp, on itself, in about an hour.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in names:
        importlib.import_module(f"equigrasp.cli.{name}").add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
