"""How far pushes that are imagined by geometry are from what the simulator makes of them.

Random pushes near random targets of a clutter, each from the same state. Of the objects that moved by more
than 5 mm: how far the middle of the imagined mask lies from that of the true one, and their intersection over
union; beside it the same for a scene that is imagined not to change.

    python campaigns/push_imagination.py --objects 10 --spread 0.10 --pushes 200
"""

import argparse
import sys
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from equigrasp.experiments.push_grasp.grasp_labels import targets_of
from equigrasp.experiments.push_grasp.trials import Trials
from equigrasp.methods.push_grasp.push_choice import random_push
from equigrasp.methods.push_grasp.rule import make_push_rule, make_rule
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import LABELS
from equigrasp.perception.push_imagination import imagine_push
from equigrasp.perception.segmentation import LOST_PX
from equigrasp.simulation.make import make_simulated_cell

_PUSHES_OF_SCENE = 10
_MOVED_PX = 1.6  # 5 mm


@dataclass
class Found:
    """Of the objects that moved: errors [px] and intersections over union, imagined and unchanged."""

    errors: list[tuple[float, float]] = field(default_factory=list)
    overlaps: list[tuple[float, float]] = field(default_factory=list)
    num_pushes: int = 0
    num_wrong: int = 0  # objects that were imagined to move and did not, or the other way
    num_objects: int = 0

    def add(self, before: np.ndarray, imagined: np.ndarray, after: np.ndarray) -> None:
        """Take in labels before a push, as imagined and as they were, shape (S, S) each."""
        self.num_pushes += 1
        for label in np.unique(before[before > 0]).tolist():
            masks = [seen == label for seen in (before, imagined, after)]
            if min(int(m.sum()) for m in (masks[0], masks[2])) < LOST_PX:
                continue
            self.num_objects += 1
            first, guess, true = (
                np.argwhere(m).mean(axis=0) if m.any() else np.full(2, np.nan) for m in masks
            )
            way = float(np.linalg.norm(true - first))
            is_moved, is_imagined = way > _MOVED_PX, not np.allclose(guess, first, atol=_MOVED_PX)
            self.num_wrong += is_moved != is_imagined
            if is_moved and masks[1].any():
                self.errors.append((float(np.linalg.norm(true - guess)), way))
                self.overlaps.append((_overlap(masks[1], masks[2]), _overlap(masks[0], masks[2])))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def main() -> int:
    """Measure, print a row of a table, return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--objects", type=int, default=10, help="in a scene [10]")
    parser.add_argument("--spread", type=float, default=0.10, help="half side of the square [m]")
    parser.add_argument("--pushes", type=int, default=200, help="to try [200]")
    parser.add_argument("--split", default="test", help="part of the object set [test]")
    parser.add_argument("--seed", type=int, default=0, help="of the scenes [0]")
    options = parser.parse_args()
    config = load_method("push_grasp:tiny")[1]
    rule, found = make_push_rule(config), Found()
    rng = np.random.default_rng(options.seed)
    with (
        make_simulated_cell("gantry", object_set="household+random_urdfs") as simulation,
        tqdm(total=options.pushes, unit="push") as bar,
    ):
        trials = Trials(simulation, make_rule(config), options.split)
        while found.num_pushes < options.pushes:
            trials.drop(options.objects, options.spread, int(rng.integers(2**31)))
            with trials.kept() as state:
                before, _ = trials.look()
                seen = targets_of(before)
                targets = rng.choice(seen, _PUSHES_OF_SCENE).tolist() if seen else []
                for target in targets[: options.pushes - found.num_pushes]:
                    labels = before.arrays[LABELS]
                    push = random_push(before, labels == target, rule, rng)
                    if push is None or not trials.push(state, before, push, rule):
                        continue
                    guess = imagine_push(before.heightmap, labels, push, rule, before.workspace)
                    found.add(labels, guess.labels, trials.look()[0].arrays[LABELS])
                    bar.update()
    errors, overlaps = np.array(found.errors), np.array(found.overlaps)
    to_mm = 1000.0 * trials.workspace.pixel_size
    sys.stdout.write(
        f"| {options.objects} | {found.num_pushes} pushes | {len(errors)} moved, by "
        f"{to_mm * errors[:, 1].mean():.0f} mm | off by {to_mm * errors[:, 0].mean():.0f} mm "
        f"(median {to_mm * np.median(errors[:, 0]):.0f}) | IoU {overlaps[:, 0].mean():.2f}, unchanged "
        f"{overlaps[:, 1].mean():.2f} | {100 * found.num_wrong / found.num_objects:.0f} % of objects "
        "wrongly moved or left |\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
