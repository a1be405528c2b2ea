"""`equigrasp pretrain`: first weights without a grasp."""

import argparse
from typing import Any

from equigrasp.cli.arguments import (
    add_resume,
    add_units,
    count,
    is_resume,
    objects_of,
    seed,
)

DESCRIPTION = """First weights from simulation.

Methods of single grasps (asr, fcn): drops objects into a simulated tray, scene after scene. A heuristic labels random grasps and those
that the method would choose: would the fingers hold something? The method learns from these labels
as from attempts, with a stereo camera's noise on the heightmaps. A run that begins with the weights
then learns from real outcomes (docs/methods/asr.md).
push_grasp: tries grasps in clutter on an open table, each from the same state, and trains GraspNet and
CriticNet on the outcomes. Then it tries the best grasp on each target and undoes it, pushes where that grasp
fails, and trains PushNet (docs/methods/push_grasp.md).

Stop it at any time; the same command continues."""
EPILOG = """examples:
  equigrasp pretrain --out results/pretrained            about an hour
  equigrasp pretrain --scenes 800 --out results/pretrained   the same run, continued
  equigrasp pretrain --method push_grasp --out results/push_grasp   all stages: a night
  equigrasp publish results/pretrained --name my_pretrained --objects household --evaluate 100
  equigrasp up sim --weights my_pretrained               begin with them"""


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser("pretrain", help="first weights, without a grasp")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    method, objects = "asr/cross_entropy", "household+random_urdfs"
    parser.add_argument("--method", default=method, help=f"method: name or file [{method}]")
    parser.add_argument(
        "--size", default="", help="size of its networks: compact, paper or tiny [compact]"
    )
    parser.add_argument(
        "--cell", default="", help="robot cell: name or YAML file [ur5; push_grasp: gantry]"
    )
    parser.add_argument(
        "--objects", default=objects, help=f"object sets or folders of meshes [{objects}]"
    )
    add_units(parser)
    parser.add_argument(
        "--split",
        default="train",
        choices=["train", "test", "all"],
        help="part of the object set [train]",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of everything random [0]")
    parser.add_argument(
        "--scenes", type=count, default=400, help="scenes in the run, about 12 labels each [400]"
    )
    parser.add_argument(
        "--pushes", type=count, default=2000, help="push_grasp: pushes in the run [2000]"
    )
    parser.add_argument(
        "--processes", type=count, default=1, help="push_grasp: processes at work at once [1]"
    )
    parser.add_argument(
        "--out", default="results/pretrained", help="run folder [results/pretrained]"
    )
    add_resume(parser)
    parser.set_defaults(run=_pretrain)


def _pretrain(options: argparse.Namespace) -> int:
    from equigrasp.experiments.runs.run_folder import RunFolder
    from equigrasp.learning.method_names import full_name
    from equigrasp.methods.registry import load_method

    names = ("cell", "method", "objects", "split", "seed", "out")
    arguments = {name: str(getattr(options, name)) for name in names}
    arguments["objects"] = objects_of(options)
    arguments["method"] = full_name(options.method, options.size)
    if load_method(arguments["method"])[0].name == "push_grasp":
        from equigrasp.experiments.push_grasp.pretraining import Amounts
        from equigrasp.experiments.push_grasp.pretraining import pretrain as pretrain_push_grasp

        arguments["cell"] = arguments["cell"] or "gantry"
        amounts = Amounts(options.scenes, options.pushes, num_processes=options.processes)
        folder = pretrain_push_grasp(arguments, amounts, is_resume(options))
    else:
        from equigrasp.experiments.pretraining.pretraining import pretrain

        arguments["cell"] = arguments["cell"] or "ur5"
        folder = pretrain(arguments, options.scenes, is_resume(options))
    print(f"weights: {RunFolder(folder).newest_weights()}")
    return 0
