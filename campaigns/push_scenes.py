"""How hard the clutter of push-grasp is: the share of targets that none of 64 grasps holds.

The half side of the square that objects are dropped over decides it. It is chosen before anything is
learned, so that grasping alone is at least as hard as published: EPG without pushes fails for about 6, 11,
12 and 20 % of targets among 10, 15, 20 and 25 objects (its project page, figure 8).

    python campaigns/push_scenes.py --objects 10 --spread 0.12 --targets 100
"""

import argparse
import sys

from tqdm import tqdm

from equigrasp.experiments.push_grasp.difficulty import Difficulty, measure_scene
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.methods.push_grasp.rule import make_rule
from equigrasp.methods.registry import load_method
from equigrasp.simulation.make import make_simulated_cell

_TARGETS_OF_SCENE = 5


def main() -> int:
    """Measure, print a row of a table, return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--objects", type=int, required=True, help="in a scene")
    parser.add_argument("--spread", type=float, required=True, help="half side of the square [m]")
    parser.add_argument("--targets", type=int, default=100, help="to try [100]")
    parser.add_argument("--split", default="test", help="part of the object set [test]")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes [0]")
    options = parser.parse_args()
    rule = make_rule(load_method("push_grasp:tiny")[1])
    found, number = Difficulty(), 0
    with (
        make_simulated_cell("gantry", object_set="household+random_urdfs") as simulation,
        tqdm(total=options.targets, unit="target") as bar,
    ):
        trials = Trials(simulation, rule, options.split)
        while found.num_targets < options.targets:
            left = min(_TARGETS_OF_SCENE, options.targets - found.num_targets)
            scene = measure_scene(
                trials, options.objects, options.spread, options.seed, number, left
            )
            found, number = found.plus(scene), number + 1
            bar.update(scene.num_targets)
    low, high = wilson_interval(found.num_targets - found.num_held, found.num_targets)
    sys.stdout.write(
        f"| {options.objects} | {1000 * options.spread:.0f} mm | {number} scenes | "
        f"{found.num_hidden} hidden | {100 * found.num_first / found.num_targets:.0f} % by the first | "
        f"{100 * found.share_not_held:.0f} % by none [{100 * low:.0f}, {100 * high:.0f}] |\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
