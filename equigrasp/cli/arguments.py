"""Arguments that several commands share."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from equigrasp.errors import shortened

T = TypeVar("T", int, float)


class Parser(argparse.ArgumentParser):
    """Report an error in one line and end with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """See `argparse`; the usage is left to --help."""
        self.exit(
            2,
            f"{self.prog}: {shortened(' '.join(message.split()), 500)} (see {self.prog} --help)\n",
        )


def within(kind: type[T], low: float, high: float) -> Callable[[str], T]:
    """Return a reader of command-line numbers of a kind in [low, high]."""
    what = "a whole number" if kind is int else "a number"

    def read(text: str) -> T:
        shown = shortened(text, 40)
        try:
            value = kind(text)  # type: ignore[call-arg]
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"must be {what}, found '{shown}'") from error
        if not low <= value <= high:  # type: ignore[operator]  # NaN is not, either
            bound = f"at most {high}" if value > high else f"at least {low}"
            raise argparse.ArgumentTypeError(f"must be {bound}, found {shown}")
        return value

    return read


MOST_ATTEMPTS = 1_000_000  # months of a robot's time
count = within(int, 1, MOST_ATTEMPTS)  # attempts and the like
seed = within(int, 0, 2**62)


def add_arguments(parser: argparse.ArgumentParser, mode: str) -> None:
    """Add the arguments of a launch mode as options."""
    from equigrasp.ros.bringup.launch_parts import MODES

    for argument in MODES[mode].arguments:
        _add(parser, argument)
        if argument.name == "objects":
            add_units(parser)


def add_graph_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for starting a graph's nodes."""
    from equigrasp.ros.bringup.graph_options import GRAPH_ARGUMENTS

    for argument in GRAPH_ARGUMENTS:
        _add(parser, argument)


def _add(parser: argparse.ArgumentParser, argument: Any) -> None:
    parser.add_argument(
        "--" + argument.name.replace("_", "-"),
        default=argument.default,
        choices=argument.choices or None,
        help=f"{argument.description} [{argument.default or 'empty'}]",
    )


def add_units(parser: argparse.ArgumentParser) -> None:
    """Add the option for the unit of a folder of meshes."""
    from equigrasp.simulation.object_sets.mesh_files import UNITS

    parser.add_argument(
        "--units",
        default="",
        choices=list(UNITS),
        help="unit of the meshes in --objects [guessed by size]",
    )


def objects_of(options: argparse.Namespace) -> str:
    """Return the object set, its units included; raise `ConfigError` if they do not fit."""
    from equigrasp.simulation.object_sets.registry import with_unit

    return with_unit(options.objects, options.units)


def add_acting_method(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options for the method that acts with weights."""
    parser.add_argument(
        "--method",
        default="",
        help=f"method that acts with the weights, such as asr/no_fcb [{default}]",
    )
    parser.add_argument(
        "--size", default="", help="size of its networks: compact, paper or tiny [the method's]"
    )


def add_run_options(parser: argparse.ArgumentParser, least: int = 1) -> None:
    """Add the options of a run that learns, from `least` attempts on."""
    attempts = within(int, least, MOST_ATTEMPTS)
    parser.add_argument("--attempts", type=attempts, default=500, help="attempts in the run [500]")
    add_resume(parser)


def add_resume(parser: argparse.ArgumentParser) -> None:
    """Add the options for a run that exists already."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="only continue the run in --out")
    group.add_argument("--new", action="store_true", help="refuse if --out holds a run already")


def values_of(options: argparse.Namespace, mode: str) -> dict[str, str]:
    """Return the resolved arguments of a launch mode.

    Raises:
        ConfigError: if one is out of range or names a missing thing.
    """
    from equigrasp.ros.bringup.launch_parts import MODES, resolve

    values = {a.name: str(getattr(options, a.name)) for a in MODES[mode].arguments}
    if "objects" in values:
        values["objects"] = objects_of(options)
    return resolve(mode, values)


def is_resume(options: argparse.Namespace) -> bool | None:
    """Return True to only continue a run, False to only begin one, None for either."""
    return True if options.resume else False if options.new else None
