"""`equigrasp bench`: the paper's tables and curves; speed of the parts."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigrasp.cli.arguments import add_units, count, objects_of, seed
from equigrasp.errors import ConfigError

if TYPE_CHECKING:
    from equigrasp.experiments.benchmarks.protocol import LogAmounts, Order

NAMES = (
    *("speed", "table1", "table2", "table3", "table5", "figure3"),
    *("push_table1", "push_figure8", "push_table2", "push_table3"),
    *("qt_table7", "qt_table8", "qt_table9", "qt_table4", "qt_table5"),
)
DESCRIPTION = """speed             medians of decision, SGD step, simulator, attempt, messages, CPU, memory (default)
table3, figure3   ours and the baselines in simulation: one tray of 15 objects, episodes of at most
                  30 attempts, frozen weights validated every 150 attempts
table5            the ablations, under the same protocol and in the same folder
table1, table2    the on-robot protocol, simulated: two trays, 500 (1000) attempts, then unseen objects
push_table1, push_figure8, push_table2, push_table3
                  push-grasp: targets out of clutter, what pushes add, clearing the table, tight layouts
qt_table7, qt_table8, qt_table9, qt_table4, qt_table5
                  QT-Opt in closed loop: state, penalty and end; labels by outcome; logs alone, by who made
                  them; end and double Q-learning, from logs. 700 episodes at each checkpoint

The results folder holds the whole state of the queue. Stop it at any time, even with kill -9: at most the
attempt in flight is lost, and the same command continues. Several commands may work on one folder,
also from several machines that share it; no job is done twice. To train on one machine and validate
on another, run `--only train` there, copy the folder, run `--only validate` here. A training run
itself can be split, such as between a machine with the simulator and one with a GPU:
`--only simulate validate` here, `--only learn` there, on one folder or on copies kept in step
(docs/benchmarks.md). Methods, seeds and attempts may be added later."""
EPILOG = """examples:
  equigrasp bench table3 table5 --seeds 0 1 2 --dry-run     the queue, with estimated times
  equigrasp bench table3 --methods asr fcn/rot --seeds 0    these two first
  equigrasp bench table3 table5 --size paper --device cuda  as published, on a GPU
  equigrasp bench push_table1 push_figure8 --only validate --seeds 0 1 --weights push_grasp=RUN_0 push_grasp=RUN_1
                                                            with existing weights
  equigrasp bench qt_table7 qt_table9 --attempts 1000 --transitions 5000 --validation-attempts 100
                                                            QT-Opt's, at a reduced budget, which the tables state"""


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser("bench", help="the paper's tables and curves; speed of the parts")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--no-graph", action="store_true", help="speed: only what needs no ROS")
    parser.add_argument("--no-paper", action="store_true", help="speed: not the published size")
    parser.add_argument(
        "--methods", nargs="+", default=[], metavar="METHOD", help="only these methods [all]"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=seed, default=[0], metavar="N", help="seeds of the runs [0]"
    )
    parser.add_argument(
        "--attempts",
        type=count,
        help="attempts of a run [500; paper size in simulation: 1500; push_*: 2000 pushes of a training; "
        "qt_*: 5000 episodes]",
    )
    parser.add_argument(
        "--size",
        default="compact",
        choices=["compact", "paper", "tiny"],
        help="size of the networks; tiny is for tests [compact]",
    )
    parser.add_argument(
        "--cell",
        help="robot cell [as published: kuka in simulation, ur5 on-robot; push_*: gantry; qt_*: ur5]",
    )
    parser.add_argument(
        "--objects", default="", help="object set [household; push_*: household+random_urdfs]"
    )
    add_units(parser)
    parser.add_argument("--num-objects", type=count, metavar="N", help="objects at the start [15]")
    parser.add_argument(
        "--validate-every",
        type=count,
        default=150,
        metavar="N",
        help="attempts between checkpoints [150]",
    )
    parser.add_argument(
        "--validation-attempts",
        type=count,
        metavar="N",
        help="attempts at each checkpoint [60; paper size: 1000; on-robot: 100; qt_*: 700 episodes]",
    )
    _add_target_options(parser)
    _add_log_options(parser)
    _add_queue_options(parser)
    parser.set_defaults(run=_bench)


def _add_target_options(parser: argparse.ArgumentParser) -> None:
    """Add those of push-grasp's tables."""
    parser.add_argument(
        "--targets", type=count, metavar="N", help="push_*: targets of a table cell [1200]"
    )
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[],
        metavar="METHOD=WEIGHTS",
        help="push_*, qt_*: trained weights instead of a training: a name below models, a file or a run folder; "
        "the k-th of a method belongs to the k-th seed",
    )


def _add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add those of learning from logs."""
    parser.add_argument(
        "--transitions",
        type=count,
        metavar="N",
        help="qt_table9, 4 and 5: of each kind of log, for the published 300 k [20000]",
    )
    parser.add_argument(
        "--sgd-steps", type=count, metavar="N", help="qt_table9, 4 and 5: on the logs [40000]"
    )


def _add_queue_options(parser: argparse.ArgumentParser) -> None:
    """Add those that say how the work is done, not what is measured."""
    parser.add_argument("--workers", type=count, help="processes [one a core]")
    parser.add_argument(
        "--device", default="cpu", choices=["cpu", "cuda"], help="device of the networks [cpu]"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=["train", "validate"],
        choices=["train", "simulate", "learn", "validate"],
        help="kinds of jobs to do; simulate and learn are the halves of train [train validate]",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the queue with estimated costs"
    )
    parser.add_argument(
        "--any-commit", action="store_true", help="add to results of another commit"
    )
    parser.add_argument(
        "--out", type=Path, help="results folder [results/bench/PROTOCOL_CELL_SIZE]"
    )


def _is_speed_alone(options: argparse.Namespace) -> bool:
    """Tell whether the options ask for the speed of the parts.

    Raises:
        ConfigError: if they ask for a dry run of it: it has no queue.
    """
    if set(options.names) - {"speed"}:
        return False
    if options.dry_run:
        raise ConfigError(
            "--dry-run lists a queue of runs, and speed has none. Name one or more of "
            f"{', '.join(n for n in NAMES if n != 'speed')}."
        )
    return True


def _bench(options: argparse.Namespace) -> int:
    if not _is_speed_alone(options):
        return _run_queue(options)
    from equigrasp.experiments.speed.bench import bench

    bench(not options.no_paper, options.out)
    if not options.no_graph:
        from equigrasp.ros.bringup.graph_bench import bench_graph

        print("\n".join(bench_graph()))
    return 0


def _run_queue(options: argparse.Namespace) -> int:
    from equigrasp.experiments.benchmarks.plan import Kind, chosen_pieces
    from equigrasp.experiments.benchmarks.results_folder import open_results
    from equigrasp.experiments.benchmarks.runner import run_plan
    from equigrasp.experiments.benchmarks.status import listing, survey
    from equigrasp.experiments.benchmarks.worker import Task

    order = _order(options)
    c = order.conditions
    out = options.out or Path("results/bench") / f"{c.protocol}_{c.cell}_{c.size}"
    cores = len(os.sched_getaffinity(0))
    workers = options.workers or cores
    only: tuple[Kind, ...] = tuple(dict.fromkeys(options.only))
    plan = chosen_pieces(order, only)
    if options.dry_run:
        print(listing(survey(plan, out, c), workers))
        return 0
    open_results(out, order, options.any_commit)
    if options.weights:
        from equigrasp.experiments.benchmarks.given_weights import take_weights

        take_weights(options.weights, order, out)
    task = Task(str(out), order, only, options.device, max(1, cores // workers))
    num_failed = run_plan(task, workers, print)
    statuses = [s for s in survey(plan, out, c) if s.state != "finished"]
    if statuses:
        print(listing(statuses, workers))
    print(f"tables and curves: {', '.join(str(out / f'{b}.md') for b in order.benchmarks)}")
    return 1 if num_failed else 0


def _order(options: argparse.Namespace) -> "Order":
    from equigrasp.experiments.benchmarks import protocol
    from equigrasp.experiments.rollouts.protocol import NUM_OBJECTS

    names = tuple(dict.fromkeys(options.names))
    if "speed" in names:
        raise ConfigError("`speed` runs alone.")
    kind = protocol.protocol_of(names)
    _check_options(options, kind)
    is_targets = kind == "targets"
    options.objects = options.objects or protocol.DEFAULT_OBJECTS[kind]
    given = options.targets if is_targets else options.validation_attempts
    conditions = protocol.Conditions(
        protocol=kind,
        cell=options.cell or protocol.DEFAULT_CELL[kind],
        size=options.size,
        objects=objects_of(options),
        validate_every=options.validate_every,
        num_objects=options.num_objects or NUM_OBJECTS,
        validation_attempts=given or protocol.default_validation(kind, options.size),
        logs=_log_amounts(options) if kind == "servo" else None,
    )
    return protocol.Order(
        names,
        conditions,
        tuple(options.methods),
        tuple(options.seeds),
        options.attempts or protocol.default_attempts(kind, options.size),
    )


def _check_options(options: argparse.Namespace, kind: str) -> None:
    """Raise `ConfigError` where options are given that the benchmarks do not have."""
    is_targets, is_servo = kind == "targets", kind == "servo"
    if options.targets and not is_targets:
        raise ConfigError("--targets needs benchmarks whose names begin with push.")
    if options.weights and not (is_targets or is_servo):
        raise ConfigError("--weights needs benchmarks whose names begin with push or qt.")
    if (options.transitions or options.sgd_steps) and not is_servo:
        raise ConfigError(
            "--transitions and --sgd-steps need benchmarks whose names begin with qt."
        )
    if options.num_objects and is_servo:
        raise ConfigError("--num-objects is not for qt_*: a new scene has 6 objects.")
    if (is_targets or is_servo) and set(options.only) - {"train", "validate"}:
        raise ConfigError(
            f"Training of {'push-grasp' if is_targets else 'QT-Opt'} cannot be split: use --only train, "
            "validate or both."
        )


def _log_amounts(options: argparse.Namespace) -> "LogAmounts":
    from equigrasp.experiments.benchmarks.protocol import LogAmounts

    given = {"transitions": options.transitions, "sgd_steps": options.sgd_steps}
    return LogAmounts(**{key: value for key, value in given.items() if value})


def _name(text: str) -> str:
    if text not in NAMES:
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {', '.join(NAMES)}")
    return text
