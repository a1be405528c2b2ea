"""`equigrasp fleet`: many robots, one learner."""

import argparse
import sys
from pathlib import Path
from typing import Any

from equigrasp.cli.arguments import add_resume, add_units, is_resume, objects_of, seed, within

_COUNTS = {  # options that change a key of the plan
    "collectors": ("num_collectors", "simulated robots; 0: learn from logs alone"),
    "shards": ("num_shards", "replay shards"),
    "updaters": ("num_updaters", "Bellman updaters"),
    "steps": ("max_steps", "SGD steps of the run, those of before included"),
}


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    fleet = commands.add_parser(
        "fleet",
        help="learn from many simulated robots, or from logs, by Bellman updaters (docs/fleet.md)",
        description="Collectors, replay shards, Bellman updaters and a learner, in one process, in one each, or on "
        "Ray. Ctrl-C ends all of them; the same command carries on.",
    )
    fleet.add_argument(
        "--runtime",
        default="embedded",
        choices=["embedded", "processes", "ray"],
        help="embedded: one process, equal seeds give equal weights; processes: one for each part; ray: on this "
        "machine, or on the cluster of --address [embedded]",
    )
    fleet.add_argument(
        "--address",
        default="",
        help="of a Ray cluster that runs, as 10.0.0.1:6379 [Ray starts here]",
    )
    fleet.add_argument(
        "--plan", default="default", help="name below config/fleets, or a YAML file [default]"
    )
    for name, (_, meaning) in _COUNTS.items():
        fleet.add_argument(f"--{name}", type=within(int, 0, 10**9), help=f"{meaning} [the plan's]")
    fleet.add_argument("--method", default="qt_opt", help="method that learns [qt_opt]")
    fleet.add_argument(
        "--size", default="", help="size of its networks, such as compact or tiny [compact]"
    )
    fleet.add_argument(
        "--cell", default="ur5", help="simulated robot cell: name or YAML file [ur5]"
    )
    fleet.add_argument(
        "--objects", default="household", help="object set or folder of meshes [household]"
    )
    add_units(fleet)
    fleet.add_argument(
        "--split", default="train", choices=["train", "test", "all"], help="part of it [train]"
    )
    fleet.add_argument("--seed", type=seed, default=0, help="seed of the run [0]")
    fleet.add_argument(
        "--log",
        action="append",
        default=[],
        metavar="LOG",
        help="log, or run folder with logs, to learn from too; may be given several times",
    )
    fleet.add_argument(
        "--from",
        dest="weights",
        default="",
        metavar="RUN",
        help="begin with the weights of a run folder, of a name below models, or of a file [untrained]",
    )
    fleet.add_argument(
        "--out", type=Path, default=Path("results/fleet"), help="run folder [results/fleet]"
    )
    add_resume(fleet)
    fleet.set_defaults(run=_fleet)


def _fleet(options: argparse.Namespace) -> int:
    from equigrasp.experiments.fleet.command import FleetOrder, run_fleet
    from equigrasp.learning.method_names import full_name

    given = {key: getattr(options, name) for name, (key, _) in _COUNTS.items()}
    order = FleetOrder(
        out=options.out,
        method=full_name(options.method, options.size),
        runtime=options.runtime,
        address=options.address,
        plan=options.plan,
        cell=options.cell,
        objects=objects_of(options),
        split=options.split,
        seed=options.seed,
        weights=options.weights,
        logs=tuple(options.log),
        changes={key: value for key, value in given.items() if value is not None},
    )
    weights = run_fleet(order, is_resume(options), _Screen().show)
    print(f"weights: {weights}")
    return 0


class _Screen:
    """Shows a table in the place of the one before, or, in a file, below it."""

    def __init__(self) -> None:
        self._num_lines = 0

    def show(self, table: str, is_last: bool) -> None:
        if self._num_lines and sys.stdout.isatty():
            print(f"\x1b[{self._num_lines}A\x1b[J", end="")
        print(table, flush=True)
        self._num_lines = table.count("\n") + 1
