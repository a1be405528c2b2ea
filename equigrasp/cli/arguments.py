"""Arguments that several commands share."""

import argparse


def count(text: str) -> int:
    """Return a number given on the command line.

    Raises:
        argparse.ArgumentTypeError: if it is below 1.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {value}")
    return value


def add_arguments(parser: argparse.ArgumentParser, mode: str) -> None:
    """Add the arguments of a launch mode as options."""
    from equigrasp.ros.bringup.launch_parts import MODES

    for argument in MODES[mode].arguments:
        parser.add_argument(
            "--" + argument.name.replace("_", "-"),
            default=argument.default,
            choices=argument.choices or None,
            help=f"{argument.description} [{argument.default or 'empty'}]",
        )


def add_acting_method(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options that say which method acts with weights."""
    parser.add_argument(
        "--method", default="", help=f"that acts with the weights, such as asr/no_fcb [{default}]"
    )
    parser.add_argument(
        "--size", default="", help="of its networks: compact, paper or tiny [as the method's]"
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run that learns."""
    parser.add_argument("--attempts", type=count, default=500, help="attempts in the run [500]")
    add_resume(parser)


def add_resume(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to do with a run that is there already."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="only carry on what lies in --out")
    group.add_argument("--new", action="store_true", help="refuse if --out holds a run already")


def values_of(options: argparse.Namespace, mode: str) -> dict[str, str]:
    """Return the resolved arguments of a launch mode.

    Raises:
        ConfigError: if one is out of range or names what is not there.
    """
    from equigrasp.ros.bringup.launch_parts import MODES, resolve

    return resolve(mode, {a.name: str(getattr(options, a.name)) for a in MODES[mode].arguments})


def is_resume(options: argparse.Namespace) -> bool | None:
    """Return True to only carry on, False to only begin anew, None for either."""
    return True if options.resume else False if options.new else None
