"""Try frozen weights, or a reference, in simulation, and note what each grasp aimed at."""

import math
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from equigrasp.environments.oracle import Oracle
from equigrasp.errors import ConfigError
from equigrasp.experiments.evaluation.difficulty import unseen_names
from equigrasp.experiments.evaluation.evaluation_folder import EvaluationFolder
from equigrasp.experiments.rollouts.attempts import in_two_trays
from equigrasp.experiments.rollouts.oracle_policy import OraclePolicy
from equigrasp.experiments.rollouts.protocol import NUM_OBJECTS
from equigrasp.experiments.rollouts.scene import Scene
from equigrasp.experiments.runs.claims import claim
from equigrasp.experiments.runs.run_folder import commit
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.freeing_policy import FreeingPolicy
from equigrasp.learning.interfaces import Context, Decision, Mode, Policy, Probe
from equigrasp.learning.pixel_policy import PixelPolicy
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import load_weights, tensor_digest
from equigrasp.methods.registry import load_method
from equigrasp.perception.observation import Observation
from equigrasp.seeding import SceneStream, Stream, derive_seed
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell
from equigrasp.simulation.object_sets.object_set import ObjectSet
from equigrasp.simulation.worlds.cell_world import CellWorld

Chooser = Literal["learned", "random", "heuristic", "oracle"]
DEPTH_NOISE = "depth_noise"
FREEING_PUSHES = "freeing_pushes"
DIFFICULTIES = ("easy", "hard")  # of the test split, as measured (config/benchmarks)
_NUM_RAYS = 9  # between the open fingers


def evaluate(
    arguments: dict[str, str], chooser: Chooser, weights: Path | None, num_attempts: int, out: Path
) -> dict[str, Any]:
    """Make attempts without learning, or carry on making them, and return `evaluation.json`.

    Two trays and 15 objects: what is picked from one is put into the other.

    Args:
        arguments: `cell`, `method`, `objects`, `split` (also `easy` or `hard`) and `seed`; perhaps
            `depth_noise`, in the place of the camera's own, and `freeing_pushes`: what a `learned` policy
            cannot grasp is pushed free.
        chooser: `learned` (greedy), or a reference: `random`, `heuristic` (heightmaps only) or `oracle` (knows
            where the objects are).
        weights: Weight file of a `learned` policy; None: untrained.
        num_attempts: How many, those that lie there already included.
        out: Folder; see `EvaluationFolder`.

    Raises:
        ConfigError: if another process is at work in the folder.
        WeightsError: if the weights do not fit method and cell.
    """
    digest = "" if weights is None else tensor_digest(load_weights(weights)[0])
    conditions = {
        "policy": chooser,
        "weights": "" if weights is None else weights.name,
        "weights_digest": digest,
        "commit": commit(),
    } | {key: arguments[key] for key in ("cell", "method", "objects", "split", "seed")}
    noise = arguments.get(DEPTH_NOISE, "")
    conditions |= {DEPTH_NOISE: noise} if noise else {}
    conditions |= {key: arguments[key] for key in (FREEING_PUSHES,) if arguments.get(key)}
    mode: Mode = "random" if chooser == "random" else "greedy"
    with claim(out / "evaluation.lock") as is_mine:
        if not is_mine:
            raise ConfigError(f"Another process is evaluating into '{out}'.")
        folder = EvaluationFolder(out, conditions)
        if len(folder.rows) < num_attempts:
            with make_simulated_cell(
                arguments["cell"],
                object_set=arguments["objects"],
                seed=int(arguments["seed"]),
                depth_noise=noise,
            ) as simulation:
                policy = _policy(arguments, chooser, weights, simulation)
                _carry_on(folder, arguments, mode, policy, simulation, num_attempts)
        return folder.result()


def evaluation_folder(
    run: Path, split: str, policy: str = "learned", depth_noise: str = ""
) -> Path:
    """Return where the evaluation of a policy on a split lies in a run folder."""
    folder = (run if policy == "learned" else run / policy) / depth_noise
    return folder / split if split in DIFFICULTIES else folder


def shape_names(object_set: ObjectSet, objects: str, split: str, seed: int) -> list[str]:
    """Return the shapes that lie in the trays: the easy or hard 15, or 15 drawn from a split."""
    if split in DIFFICULTIES:
        return unseen_names(split, objects)
    return object_set.draw(
        split, NUM_OBJECTS, np.random.default_rng([_scenes(seed), SceneStream.OBJECTS])
    )


def aimed_at(world: CellWorld, grasp: PlanarGrasp, workspace: Workspace) -> str:
    """Return the name of the object between the open fingers, or of the nearest if none is."""
    direction = np.array([math.cos(grasp.theta), math.sin(grasp.theta), 0.0])
    along = np.linspace(-0.5, 0.5, _NUM_RAYS)[:, None] * grasp.width
    name = world.name_below(np.array([grasp.x, grasp.y, workspace.ceiling_z]) + along * direction)
    if name is not None:
        return name
    centre = np.array([grasp.x, grasp.y])
    near = min(world.objects(), key=lambda o: float(np.hypot(*(o.pose.position[:2] - centre))))
    return near.name


class _Witness:
    """Chooses as a policy does, and notes at which object the grasp aims."""

    def __init__(self, policy: Policy[PlanarGrasp], world: CellWorld) -> None:
        self._policy, self._world = policy, world
        self.version = policy.version
        self.target = ""

    def choose(
        self, observation: Observation, context: Context, rng: np.random.Generator
    ) -> Decision[PlanarGrasp]:
        """Choose a grasp; see `Policy.choose`."""
        decision = self._policy.choose(observation, context, rng)
        if isinstance(decision.action, PlanarGrasp):
            self.target = aimed_at(self._world, decision.action, observation.workspace)
        return decision

    def load(self, tensors: dict[str, torch.Tensor], version: int, source: str) -> None:
        """Hand weights on; see `Policy.load`."""
        self._policy.load(tensors, version, source)

    def probe(self) -> Probe:
        """Hand the question on; see `Policy.probe`."""
        return self._policy.probe()


def _carry_on(
    folder: EvaluationFolder,
    arguments: dict[str, str],
    mode: Mode,
    policy: Policy[PlanarGrasp],
    simulation: SimulatedCell,
    num_attempts: int,
) -> None:
    """Make the attempts that are missing; what an interruption leaves is carried on."""
    seed, split, done = int(arguments["seed"]), arguments["split"], len(folder.rows)
    names = shape_names(simulation.world.object_set, arguments["objects"], split, seed)
    witness = _Witness(policy, simulation.world)
    scene = Scene.load(folder.scene, done)
    source = in_two_trays(simulation, witness, _scenes(seed), lambda _: names, scene)
    with tqdm(total=num_attempts, initial=done, unit="attempt", desc=split) as bar:
        for number in range(done, num_attempts):
            began, refused = time.monotonic(), source.num_refused
            attempt = source.attempt(number, mode)
            seconds = time.monotonic() - began
            folder.add(attempt, witness.target, source.num_refused - refused, seconds)
            source.scene(number + 1).save(folder.scene)
            bar.set_postfix_str(f"success {100 * folder.result()['success_rate']:.0f} %", False)
            bar.update()


def _policy(
    arguments: dict[str, str], chooser: Chooser, weights: Path | None, simulation: SimulatedCell
) -> Policy[PlanarGrasp]:
    if chooser == "oracle":
        return OraclePolicy(Oracle(world=simulation.world))
    if chooser == "heuristic":
        return OraclePolicy(Oracle())
    package, method = load_method(arguments["method"])
    policy = package.make_policy(method, package.make_networks(method, int(arguments["seed"])))
    if weights is not None:
        cell = simulation.cell.config
        load_trained_weights(policy, weights, method, cell.workspaces, cell.gripper)
    if not arguments.get(FREEING_PUSHES):
        return policy
    if not isinstance(policy, PixelPolicy):
        raise ConfigError(
            f"Freeing pushes are for methods that choose a grasp by pixel and yaw, not '{package.name}'."
        )
    return FreeingPolicy(policy)  # type: ignore[return-value]


def _scenes(seed: int) -> int:
    """Return the seed of the scenes of an evaluation."""
    return derive_seed(seed, Stream.EVALUATION_SCENES)
