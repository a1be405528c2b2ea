"""`equigrasp publish`: weights with a model card, from a run."""

import argparse
from pathlib import Path
from typing import Any

from equigrasp.cli.arguments import add_acting_method, add_units, objects_of

DESCRIPTION = """Writes three things into models/ (or --out):
  NAME.safetensors   the weights, with checksum, network and the cell that they fit
  NAME.md            the model card: data, seed, configuration, commit, success, failures
  NAME/              learning curve and pictures of failures

Everything on the card comes from files of the run and of its evaluations. --evaluate makes the
evaluations that are missing, on easy, hard and all unseen objects, and keeps them in the run
folder. Stop it at any time; the same command continues. The cards of push_grasp and qt_opt report
earlier results of equigrasp evaluate."""
EPILOG = """examples:
  equigrasp publish results/a --name asr_compact_ur5 --evaluate 100
  equigrasp evaluate results/a --split hard --attempts 100      the same, one set at a time
  equigrasp publish results/a --name asr_compact_ur5 --replace  write the card again
  equigrasp publish results/p --name first --method asr/equigrasp --evaluate 100
                                                                as another configuration uses them
  equigrasp up sim --weights asr_compact_ur5                    use them"""


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser("publish", help="make weights with a model card from a run")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("folder", type=Path, help="run folder of train, up or bench")
    parser.add_argument("--name", required=True, help="name of the weights: CONFIGURATION_CELL")
    parser.add_argument(
        "--evaluate",
        type=int,
        default=0,
        metavar="N",
        help="make N attempts on each set of objects where there are fewer [take what is there]",
    )
    parser.add_argument(
        "--weights", help="name below models, or a safetensors file [the run's newest]"
    )
    parser.add_argument("--objects", default="", help="object set to evaluate on [the run's]")
    add_units(parser)
    add_acting_method(parser, "the run's")
    parser.add_argument(
        "--note", default="", help="a sentence for the card, such as: why this run"
    )
    parser.add_argument("--out", type=Path, help="folder to write to [models]")
    parser.add_argument("--replace", action="store_true", help="replace weights of that name")
    parser.set_defaults(run=_publish)


def _publish(options: argparse.Namespace) -> int:
    from equigrasp.experiments.publishing.publication import Order, publish
    from equigrasp.experiments.runs.run_folder import RunFolder
    from equigrasp.methods.registry import load_method
    from equigrasp.paths import find_weights, models_dir

    order = Order(
        run=options.folder,
        name=options.name,
        attempts=options.evaluate,
        weights=find_weights(options.weights) if options.weights else None,
        folder=options.out or models_dir(),
        note=options.note,
        is_replacing=options.replace,
        objects=objects_of(options),
        method=options.method,
        size=options.size,
    )
    run = RunFolder(order.run)
    name = run.read_config()["arguments"]["method"] if run.config.is_file() else ""
    method = load_method(name)[0] if name else None
    if method and method.is_closed_loop:
        from equigrasp.experiments.servo.publication import publish_closed_loop

        weights = order.weights or run.newest_weights()
        card = publish_closed_loop(run, order.name, weights, order.folder, order.note, print)
    elif method and method.name == "push_grasp":
        from equigrasp.experiments.push_grasp.publication import publish_push_grasp

        weights = order.weights or run.newest_weights()
        card = publish_push_grasp(run, order.name, weights, order.folder, order.note, print)
    else:
        card = publish(order, print)
    print(f"model card: {card}")
    return 0
