"""Easy and hard unseen objects, by how often random grasps pick each shape up when it lies alone.

`python -m equigrasp.experiments.evaluation.difficulty` measures the test split again and writes
`config/benchmarks/<object set>_difficulty.yaml`.
"""

import sys

import numpy as np
import yaml

from equigrasp.config import read_yaml
from equigrasp.environments.grasp_episode import GraspEpisode
from equigrasp.errors import ConfigError, DeviceError, PlanningError
from equigrasp.experiments.rollouts.protocol import NUM_OBJECTS
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.learning.interfaces import Context, EmptyWorkspaceError, Policy
from equigrasp.methods.registry import load_method
from equigrasp.paths import config_dir
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.seeding import derive_seed
from equigrasp.simulation.make import make_simulated_cell

_SEED = 17  # the same grasps for all shapes
_ATTEMPTS = 24  # random grasps of each shape


def unseen_names(level: str, object_set: str) -> list[str]:
    """Return 15 shapes of the test split: those that random grasps pick most or least often.

    Args:
        level: `easy` or `hard`.
        object_set: Its difficulty must have been measured.

    Raises:
        ConfigError: if it has not.
    """
    path = config_dir() / "benchmarks" / f"{object_set}_difficulty.yaml"
    if not path.is_file():
        raise ConfigError(
            f"The difficulty of object set '{object_set}' was never measured: there is no {path}. "
            "Run `python -m equigrasp.experiments.evaluation.difficulty`."
        )
    successes: dict[str, int] = read_yaml(path)["successes"]
    ranked = sorted(successes, key=lambda name: (-successes[name], name))
    return ranked[:NUM_OBJECTS] if level == "easy" else ranked[-NUM_OBJECTS:]


def measure(
    episode: GraspEpisode, policy: Policy[PlanarGrasp], name: str, attempts: int = _ATTEMPTS
) -> int:
    """Return how many of some random grasps at a shape that lies alone in the tray hold it."""
    successes = 0
    for number in range(attempts):
        for retry in range(10):
            seed = derive_seed(_SEED, number, retry)
            episode.begin([name], seed)  # every grasp finds the shape anew
            try:
                rng = np.random.default_rng(seed)
                decision = policy.choose(episode.observe(), Context("random"), rng)
                successes += int(episode.step(decision.action).outcome.is_success)
                break
            except (EmptyWorkspaceError, PlanningError, DeviceError):
                continue
    return successes


def main(cell: str = "kuka", object_set: str = "household") -> int:
    """Measure all shapes of the test split and write the file."""
    package, method = load_method("asr:tiny")  # its networks are not asked
    policy = package.make_policy(method, package.make_networks(method, 0))
    successes = {}
    with make_simulated_cell(cell, object_set=object_set) as simulation:
        planner = OmplPlanner(simulation.cell)
        episode = GraspEpisode(simulation.cell, simulation.world, planner, num_objects=1)
        for name in simulation.world.object_set.names("test"):
            successes[name] = measure(episode, policy, name)
            sys.stdout.write(f"{name}: {successes[name]} of {_ATTEMPTS}\n")
            sys.stdout.flush()
    path = config_dir() / "benchmarks" / f"{object_set}_difficulty.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        "# Of how many random grasps at a shape alone in the tray it was picked up: the 15 shapes of the test\n"
        "# split with most are the easy set, those with fewest the hard one. Written by\n"
        "# `python -m equigrasp.experiments.evaluation.difficulty`.\n"
    )
    values = {"cell": cell, "attempts": _ATTEMPTS, "successes": successes}
    path.write_text(head + yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
