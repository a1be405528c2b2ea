"""Whether the default picker empties trays to the last object, with pushes that free and without.

A tray of 15 unseen household shapes is drawn by its number and picked empty: what is grasped is taken out.
It ends when nothing is seen in it, after 10 failures in a row, or after 60 grasps and pushes. Each tray is a
row of `trays.csv` in the folder; a campaign that was stopped carries on with the next tray. Other options need
another folder.

    python campaigns/empty_trays.py results/trays --trays 40
    python campaigns/empty_trays.py results/grasps_alone --trays 40 --no-pushes
    python campaigns/empty_trays.py results/upright --trays 20 --upright --spread 0.11
"""

import argparse
import csv
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from equigrasp.cli.arguments import within
from equigrasp.devices.world import DROP_SPREAD
from equigrasp.environments.grasp_episode import GraspEpisode
from equigrasp.errors import PlanningError
from equigrasp.experiments.rollouts.loop import Loop, Rules
from equigrasp.experiments.runs.conditions import keep_conditions
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.learning.freeing_policy import FreeingPolicy
from equigrasp.learning.interfaces import EmptyWorkspaceError, Policy
from equigrasp.learning.method_names import DEFAULT_METHOD
from equigrasp.learning.trained_weights import first_weights, load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.seeding import SceneStream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.upright_walls import make_upright_cell

_NUM_OBJECTS = 15
_MAX_FAILURES = 10  # in a row, as the collector's `max_failures_in_a_row`
_MAX_ATTEMPTS = 60
_RULES = Rules(max_refusals=20, is_episodic=True)
_RIM = 0.01  # [m] beyond the floor, from where on things lie on an upright wall
_TABLE = "trays.csv"
_CONDITIONS = "cell", "split", "seed", "upright", "spread", "no_pushes"


@dataclass(frozen=True)
class Row:
    """What became of a tray; names of objects are joined by blanks."""

    tray: int
    is_emptied: bool
    end: str
    grasps: int
    successes: int
    pushes: int
    refused: int
    taken: int
    left: str
    outside: str
    seconds: float


class _Tray(GraspEpisode):
    """An episode that ends for good when nothing is left to grasp."""

    def fill(self, names: list[str], seed: int, spread: float) -> None:
        """Drop named shapes over a square of this half side [m], and look."""
        self._world.reset(seed)
        self._world.spawn_objects(names, self.workspace, spread)
        self._begin(0)

    def reset(self) -> None:
        """Refuse: the campaign begins trays."""
        raise EmptyWorkspaceError("The policy sees nothing in the tray.")


def main() -> int:
    """Fill and empty trays, print what was found, return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="takes the table and what was left")
    parser.add_argument(
        "--trays", type=within(int, 1, 10_000), default=40, help="how many in all [40]"
    )
    parser.add_argument(
        "--first", type=within(int, 0, 10**6), default=0, help="number of the first one [0]"
    )
    parser.add_argument("--cell", default="ur5", help="a name or a YAML file [ur5]")
    parser.add_argument("--split", default="test", help="part of the object set [test]")
    parser.add_argument("--seed", type=int, default=0, help="of the trays [0]")
    parser.add_argument("--upright", action="store_true", help="walls that stand upright")
    parser.add_argument(
        "--spread",
        type=float,
        default=DROP_SPREAD,
        help=f"half side of the drop [{DROP_SPREAD} m]",
    )
    parser.add_argument("--no-pushes", action="store_true", help="grasps only")
    options = parser.parse_args()
    keep_conditions(options.folder, {name: vars(options)[name] for name in _CONDITIONS})
    table = options.folder / _TABLE
    done = {int(row["tray"]) for row in _rows(table)}
    numbers = [n for n in range(options.first, options.first + options.trays) if n not in done]
    make = make_upright_cell if options.upright else make_simulated_cell
    with make(options.cell, seed=options.seed) as simulation:
        policy = _policy(simulation, options.no_pushes)
        for number in tqdm(numbers, unit="tray"):
            _add(table, _empty(simulation, policy, options, number))
    sys.stdout.write(_summary(_rows(table)))
    return 0


def _policy(simulation: SimulatedCell, is_grasping_only: bool) -> Policy:
    """Return the default picker with the weights that it begins with."""
    method, config = load_method(DEFAULT_METHOD)
    policy = method.make_policy(config, method.make_networks(config, 0))
    weights, cell = first_weights("", config), simulation.cell.config
    assert weights is not None
    load_trained_weights(policy, weights, config, cell.workspaces, cell.gripper)
    return policy if is_grasping_only else FreeingPolicy(policy)


def _empty(
    simulation: SimulatedCell, policy: Policy, options: argparse.Namespace, number: int
) -> Row:
    """Fill a tray and pick until it ends."""
    began, world, seed = time.monotonic(), simulation.world, options.seed
    rng = np.random.default_rng([seed, SceneStream.OBJECTS, number])
    names = world.object_set.draw(options.split, _NUM_OBJECTS, rng)
    tray = _Tray(
        simulation.cell,
        world,
        OmplPlanner(simulation.cell),
        num_objects=_NUM_OBJECTS,
        max_attempts=_MAX_ATTEMPTS,
    )
    tray.fill(names, derive_seed(seed, SceneStream.EPISODES, number), options.spread)
    loop = Loop(tray, policy, _RULES, derive_seed(seed, SceneStream.CHOICES, number))
    grasps, successes, end = 0, 0, ""
    while not end:
        try:
            made = loop.attempt(grasps, "greedy")
        except EmptyWorkspaceError:
            end = "empty"
            break
        except PlanningError:
            end = "refused"
            break
        grasps += 1
        successes += int(made.result.reward)
        if tray.is_terminal:
            end = "empty"
        elif loop.failures >= _MAX_FAILURES:
            end = "failures"
        elif tray.is_over:
            end = "attempts"
    np.savez_compressed(options.folder / f"end_{number:03d}.npz", tray.observe().heightmap)
    rest = world.objects()
    workspace = tray.workspace
    reach = workspace.size / 2.0
    if options.upright:
        reach = workspace.action_size_px * workspace.pixel_size / 2.0 + _RIM
    places = [o.pose.position[:2] - (workspace.center_x, workspace.center_y) for o in rest]
    is_in = [bool(np.abs(place).max() < reach) for place in places]
    inside = [o.name for o, here in zip(rest, is_in, strict=True) if here]
    outside = [o.name for o, here in zip(rest, is_in, strict=True) if not here]
    return Row(
        number,
        not inside,
        end,
        grasps,
        successes,
        loop.num_by_rule,
        loop.num_refused,
        _NUM_OBJECTS - len(rest),
        " ".join(inside),
        " ".join(outside),
        round(time.monotonic() - began, 1),
    )


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _add(table: Path, row: Row) -> None:
    is_new = not table.is_file()
    with table.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)])
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def _summary(rows: list[dict[str, str]]) -> str:
    count = len(rows)
    emptied = sum(row["is_emptied"] == "True" for row in rows)
    low, high = wilson_interval(emptied, count)
    per_object = [(int(r["grasps"]) + int(r["pushes"])) / max(1, int(r["taken"])) for r in rows]
    grasps, successes, pushes = (
        sum(int(row[key]) for row in rows) for key in ("grasps", "successes", "pushes")
    )
    ends = {
        end: sum(row["end"] == end for row in rows)
        for end in ("empty", "failures", "attempts", "refused")
    }
    return (
        f"{emptied} of {count} trays emptied: {100 * emptied / count:.1f} % "
        f"[{100 * low:.1f}, {100 * high:.1f}]; ends: {ends}\n"
        f"{grasps} grasps, {successes} successes, {pushes} pushes; grasps and pushes per object "
        f"taken: median {np.median(per_object):.3f}, mean {np.mean(per_object):.3f}\n"
        f"objects left: {sum(len(r['left'].split()) for r in rows)}, outside: {sum(len(r['outside'].split()) for r in rows)}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
