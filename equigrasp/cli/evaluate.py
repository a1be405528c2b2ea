"""`equigrasp evaluate`: try frozen weights."""

import argparse
from pathlib import Path
from typing import Any

from equigrasp.cli.arguments import add_acting_method, add_units, count, objects_of, seed, within
from equigrasp.errors import ConfigError


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    evaluate = commands.add_parser(
        "evaluate",
        help="try frozen weights",
        description="Makes attempts without learning. The same command continues an evaluation that was stopped; "
        "other weights, objects, seeds or commits begin a new one. Tasks keep a file for each of these.",
    )
    evaluate.add_argument("folder", type=Path, help="run folder; receives evaluation.json")
    evaluate.add_argument(
        "--attempts", type=count, default=100, help="attempts in the evaluation [100]"
    )
    evaluate.add_argument(
        "--objects", default="household", help="object set or folder of meshes [household]"
    )
    add_units(evaluate)
    evaluate.add_argument(
        "--split",
        default="test",
        choices=["train", "test", "all", "easy", "hard"],
        help="part of the object set; easy and hard: 15 shapes each of the test split, as measured; these write to a subfolder [test]",
    )
    evaluate.add_argument(
        "--seed", type=seed, default=1000, help="seed of objects and choices [1000]"
    )
    evaluate.add_argument("--cell", help="robot cell: name or YAML file [the run's]")
    evaluate.add_argument(
        "--depth-noise",
        default="",
        choices=["none", "realsense"],
        help="noise of the simulated camera; writes to a subfolder [as the camera's file says]",
    )
    evaluate.add_argument(
        "--weights", help="name below models, or a safetensors file [the run's newest]"
    )
    evaluate.add_argument(
        "--freeing-pushes",
        action="store_true",
        help="push objects free that cannot be grasped (docs/freeing_pushes.md); writes to a subfolder",
    )
    add_acting_method(
        evaluate,
        "the run's; of weights alone: the default of `up` if the weights fit it, else the method stored with them",
    )
    evaluate.add_argument(
        "--policy",
        default="learned",
        type=_policy,
        metavar="POLICY",
        help="learned, or a reference: random, heuristic (rates grasps by the heightmap) or oracle (knows the objects' "
        "places); references write to a subfolder [learned]",
    )
    _add_closed_loop_options(evaluate)
    _add_target_options(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _add_closed_loop_options(evaluate: argparse.ArgumentParser) -> None:
    """Add those of methods whose episodes have many steps."""
    group = evaluate.add_argument_group("closed loop", "for methods in closed loop (qt_opt)")
    group.add_argument(
        "--disturbance",
        default="none",
        choices=["none", "pushed", "moved", "camera"],
        help="balls and cans roll off as they are gripped; the nearest object is "
        "shifted by 5 cm in mid-episode; all cameras are off by 15 mm and 1 degree; writes to a subfolder [none]",
    )
    group.add_argument(
        "--rounds", type=count, default=5, help="trays of --task emptying, of 28 objects each [5]"
    )


def _add_target_options(evaluate: argparse.ArgumentParser) -> None:
    """Add those of methods that fetch a target."""
    targets = evaluate.add_argument_group(
        "targets", "for methods that fetch a target (push_grasp)"
    )
    targets.add_argument(
        "--task",
        default="grasps",
        choices=["grasps", "clutter", "clearing", "tight", "emptying"],
        help="grasps: attempts at any object; clutter, tight: fetch each object once, always from the restored "
        "scene; clearing: empty one table after the other; rows go to the subfolder tasks; emptying: of methods "
        "in closed loop (qt_opt), 28 objects in a tray, 30 grasps, none comes back; writes to a subfolder [grasps]",
    )
    targets.add_argument(
        "--targets",
        type=count,
        default=100,
        help="number of targets; clearing: rounds with as many objects in all [100]",
    )
    targets.add_argument("--num-objects", type=count, default=10, help="objects in a clutter [10]")
    targets.add_argument(
        "--spread",
        type=within(float, 0.0, 1.0),
        help="half side of the square over which a clutter is dropped, in m [as in config/benchmarks/push_grasp.yaml]",
    )
    targets.add_argument("--layout", type=int, default=1, help="tight layout, 1 to 8 [1]")
    targets.add_argument(
        "--max-pushes",
        type=within(int, 0, 1000),
        help="most pushes for a target; 0: none [the method's]",
    )
    targets.add_argument(
        "--draw",
        type=within(int, 0, 1000),
        default=0,
        help="pictures, look by look, of so many targets that were pushed, not of clearing; of methods in closed "
        "loop: of so many episodes, step by step, into the subfolder strips [0]",
    )
    targets.add_argument(
        "--masks",
        default="truth",
        choices=["truth", "noisy", "depth", "learned"],
        help="object masks that the policy sees: the simulator's; these with noise; by heights alone; by the "
        "method's segmenter. With all but truth a tracker follows the target; success is always the truth's [truth]",
    )


def _evaluate(options: argparse.Namespace) -> int:
    from equigrasp.config import read_yaml
    from equigrasp.experiments.evaluation.acting_method import acting_method
    from equigrasp.experiments.evaluation.evaluation import (
        DEPTH_NOISE,
        FREEING_PUSHES,
        evaluate,
        evaluation_folder,
    )
    from equigrasp.experiments.runs.run_folder import RunFolder
    from equigrasp.methods.registry import load_method
    from equigrasp.paths import find_weights

    if options.freeing_pushes and (options.task != "grasps" or options.policy != "learned"):
        raise ConfigError(
            f"--freeing-pushes is for --task grasps with --policy learned, found --task {options.task} "
            f"with --policy {options.policy}."
        )
    run = RunFolder(options.folder)
    arguments = read_yaml(run.config)["arguments"] if run.config.is_file() else {}
    if options.task not in ("grasps", "emptying"):
        return _fetch_targets(options, run, arguments)
    is_learned = options.policy == "learned"
    given = find_weights(options.weights) if options.weights else None
    weights = (given or run.newest_weights()) if is_learned else None
    values = {
        "cell": options.cell or arguments.get("cell", "ur5"),
        "method": acting_method(options.method, options.size, arguments.get("method", ""), given),
        "objects": objects_of(options),
        "split": options.split,
        "seed": str(options.seed),
    }
    if options.depth_noise:
        values[DEPTH_NOISE] = options.depth_noise
    if options.freeing_pushes:
        values[FREEING_PUSHES] = "true"
    out = evaluation_folder(run.path, options.split, options.policy, options.depth_noise)
    out = out / FREEING_PUSHES if options.freeing_pushes else out
    acts = values["method"] if is_learned else options.policy
    print(f"{acts} acts" + (f" with {weights}" if weights else ""))
    if load_method(values["method"])[0].is_closed_loop:
        return _run_episodes(options, values, weights, out)
    for option, value, default in (
        ("disturbance", options.disturbance, "none"),
        ("task", options.task, "grasps"),
    ):
        if value != default:
            raise ConfigError(
                f"--{option} {value} is for methods in closed loop, such as qt_opt, not "
                f"'{values['method']}'."
            )
    result = evaluate(values, options.policy, weights, options.attempts, out)
    _print_success(result, "attempts")
    return 0


def _run_episodes(
    options: argparse.Namespace, values: dict[str, str], weights: Path | None, out: Path
) -> int:
    from equigrasp.experiments.servo.evaluate import evaluate_closed_loop

    if options.freeing_pushes:
        raise ConfigError(f"--freeing-pushes is not for closed loops, as of '{values['method']}'.")
    is_emptying = options.task == "emptying"
    if is_emptying and options.disturbance != "none":
        raise ConfigError(
            f"--task emptying is undisturbed, found --disturbance {options.disturbance}."
        )
    result = evaluate_closed_loop(
        values,
        options.policy,
        weights,
        options.attempts,
        out,
        options.disturbance,
        num_rounds=options.rounds if is_emptying else 0,
        num_pictures=options.draw,
    )
    _print_success(result, "episodes")
    if is_emptying:
        first = [f"{100 * result[k]:.0f}" for k in ("first_10", "first_20", "first_30")]
        print(
            f"first 10 / 20 / 30 grasps: {' / '.join(first)} %; {result['emptied']} of {result['rounds']} "
            "trays emptied"
        )
    return 0


def _print_success(result: dict[str, Any], what: str) -> None:
    low, high = result["interval_95"]
    print(
        f"{result['successes']} of {result[what]} {what} succeeded: "
        f"{100 * result['success_rate']:.0f} % (95 % interval {100 * low:.0f}–{100 * high:.0f} %)"
    )


def _fetch_targets(options: argparse.Namespace, run: Any, arguments: dict[str, str]) -> int:
    from equigrasp.experiments.evaluation.acting_method import acting_method
    from equigrasp.experiments.push_grasp.target_evaluation import (
        TargetConditions,
        evaluate_targets,
    )
    from equigrasp.experiments.push_grasp.task_scenes import TargetTask
    from equigrasp.paths import find_weights
    from equigrasp.simulation.clutter_spreads import clutter_spread

    weights = find_weights(options.weights) if options.weights else run.newest_weights()
    is_tight = options.task == "tight"
    num_objects = 0 if is_tight else options.num_objects
    spread = options.spread
    if spread is None:
        spread = 0.0 if is_tight else clutter_spread(num_objects)
    task = TargetTask(
        num_objects=num_objects,
        spread=spread,
        layout=options.layout if is_tight else 0,
        split=options.split,
        seed=options.seed,
    )
    method = acting_method(options.method, options.size, arguments.get("method", ""), None)
    cell = options.cell or arguments.get("cell", "gantry")
    conditions = TargetConditions(
        method,
        cell,
        objects_of(options),
        task,
        options.max_pushes,
        options.task == "clearing",
        options.masks,
    )
    found = evaluate_targets(
        run.path / "tasks", weights, conditions, options.targets, options.draw
    )
    gsr = f"GSR {_share(found, 'gsr')}, ME {100 * found['me']:.1f} %"
    if conditions.is_clearing:
        print(f"{found['rounds']} rounds: {gsr}, DR {_share(found, 'dr')}; ground-truth masks")
        return 0
    print(
        f"{found['taken']} of {found['targets']} targets fetched: {gsr}, "
        f"{found['pushes_per_target']:.2f} pushes a target; {_masks(options.masks, found)}"
    )
    return 0


def _share(found: dict[str, Any], key: str) -> str:
    low, high = (100 * found[f"{key}_{end}"] for end in ("low", "high"))
    return f"{100 * found[key]:.1f} % (95 % interval {low:.1f} to {high:.1f})"


def _masks(masks: str, found: dict[str, Any]) -> str:
    """Return what the policy saw, in words."""
    if masks == "truth":
        return "ground-truth masks"
    return (
        f"masks: {masks}, the tracker differs from the truth in {found['differing_looks']} of "
        f"{found['looks']} looks"
    )


def _policy(text: str) -> str:
    choices = ("learned", "random", "heuristic", "oracle")
    if text == "script":
        raise argparse.ArgumentTypeError("'script' is called 'heuristic' now")
    if text not in choices:
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {', '.join(choices)}")
    return text
