"""Measure how often each success detector agrees with the simulated truth.

    .venv/bin/python test/primitives/agreement.py --attempts 200 --noise realsense --out results/agreement

An attempt is judged by all three detectors at once. Half of the attempts are the oracle's, half
random, so that both outcomes occur. The truth is read from the objects' poses after the lift.
"""

import argparse
import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from tqdm import tqdm

from equigrasp.config import find_config, read_yaml
from equigrasp.devices.gripper import GripperState
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv, return_stray
from equigrasp.environments.oracle import Oracle, is_empty
from equigrasp.errors import DeviceError, PerceptionError, PlanningError
from equigrasp.experiments.simulated_run import NUM_OBJECTS
from equigrasp.geometry.actions import GraspAction
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.grasp_height import grasp_height
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.pick import sample_place
from equigrasp.primitives.success import ImageDifference
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

NOISES = ("none", "realsense")  # both are put on the same pictures
_RISEN = 0.1  # [m] an object that is higher by more after the lift hangs in the fingers
_CHANGE_AFTER = 60  # attempts with one set of objects


@dataclass(frozen=True)
class Judged:
    """What became of an attempt, and what each detector says of it.

    Args:
        number: Of the attempt.
        policy: Who chose the grasp.
        width: Opening of the fingers after the lift [m].
        is_stalled: What the gripper says then.
        lost_volume: Of the tray [m³].
        moved: Farthest way that an object went within the tray [m].
        is_held: Truth: whether an object hung in the fingers after the lift.
        num_gone: Truth: by how many objects the tray was poorer in the end.
        finger_width, object_bits, image_difference: The detectors' verdicts.
    """

    number: int
    policy: str
    width: float
    is_stalled: bool
    lost_volume: float
    moved: float
    is_held: bool
    num_gone: int
    finger_width: bool
    object_bits: bool
    image_difference: bool


class AllThree(ImageDifference):
    """Judges by picture, free of noise, and keeps what else is needed to judge."""

    def begin(self, workspace: Workspace) -> None:
        self.maps: dict[str, list[np.ndarray]] = {noise: [] for noise in NOISES}
        super().begin(workspace)

    def is_success(self, fingers: GripperState) -> bool:
        self.fingers = fingers
        return super().is_success(fingers)

    def _look(self, workspace: Workspace) -> np.ndarray:
        camera = self._cell.camera
        depth = camera.capture().depth
        for noise in NOISES:
            seen = depth if noise == "none" else camera._add_stereo_noise(depth)
            self.maps[noise].append(
                heightmap_from_depth(seen, camera.model, camera.T_base_camera, workspace)
            )
        return self.maps["none"][-1]


class Campaign:
    """Attempts in one simulated cell."""

    def __init__(self, simulation: SimulatedCell, rng: np.random.Generator) -> None:
        self._world = simulation.world
        self._physics = simulation.physics
        self._rng = rng
        self.env = OpenLoopGraspEnv(simulation.cell, OmplPlanner(simulation.cell), rng)
        self.detector = AllThree(simulation.cell)
        self.env.pick.detector = self.detector
        self._oracle = Oracle(world=simulation.world)

    def new_objects(self, seed: int) -> None:
        """Begin anew with other shapes."""
        self._world.reset(seed)
        names = self._world.object_set.draw("all", NUM_OBJECTS, self._rng)
        self._world.spawn_objects(names, self.env.trays.pick)

    def attempt(self, number: int) -> Judged | None:
        """Make one attempt; None if it was refused."""
        for _ in self._world.objects():
            if not return_stray(
                self._world, tuple(vars(self.env.trays).values()), self.env.trays.place
            ):
                break
            self._physics.sleep(1.0)
        policy = "oracle" if number % 2 else "random"
        try:
            observation = self.env.observe_filled()
            grasp = self._choose(observation, policy)
            return self._judge(number, policy, grasp)
        except (PlanningError, DeviceError, PerceptionError):
            self.env.pick.go_home()
            return None

    def _choose(self, observation: Observation, policy: str) -> GraspAction:
        if policy == "oracle":
            return self._oracle.choose(observation, int(self._rng.integers(3)))
        assert not is_empty(observation)
        tray, heightmap = observation.workspace, observation.heightmap
        inner = np.zeros_like(heightmap)
        inside = slice(tray.border_px, tray.border_px + tray.action_size_px)
        inner[inside, inside] = heightmap[inside, inside]
        rows, cols = np.nonzero(inner > 0.005)
        i = self._rng.integers(len(rows))
        row, col, theta = int(rows[i]), int(cols[i]), float(self._rng.uniform(0.0, np.pi))
        height = grasp_height(
            heightmap, row, col, theta, pixel_size=tray.pixel_size, finger_depth=0.04, width=0.085,
            border_px=tray.border_px, edge_depth=0.01, wall_depth=0.008,
        )  # fmt: skip
        return GraspAction(*tray.pixel_to_xy(row, col), tray.floor_z + height, theta, 0.085)

    def _judge(self, number: int, policy: str, grasp: GraspAction) -> Judged:
        tray, before, lifted = self.env.trays.pick, self._poses(), {}

        def on_phase(phase: Phase) -> None:
            if phase is Phase.VERIFY:
                lifted.update(self._poses())

        place = sample_place(self.env.trays.place, 0.042, self._rng)
        outcome = self.env.pick.execute(grasp, tray, place, on_phase=on_phase)
        self._physics.sleep(0.5)
        after = self._poses()
        inside = {h for h, p in before.items() if _is_over(tray, p)}
        stayed = {h for h in inside if _is_over(tray, after[h])}
        return Judged(
            number=number,
            policy=policy,
            width=outcome.finger_width,
            is_stalled=self.detector.fingers.is_stalled,
            lost_volume=self.detector.lost_volume,
            moved=max((float(np.linalg.norm(after[h] - before[h])) for h in stayed), default=0.0),
            is_held=any(lifted[h][2] - before[h][2] > _RISEN for h in before),
            num_gone=len(inside) - len(stayed),
            finger_width=self.detector.verdicts["FingerWidth"],
            object_bits=self.detector.verdicts["ObjectBits"],
            image_difference=outcome.is_success,
        )

    def _poses(self) -> dict[int, np.ndarray]:
        return {o.handle: o.pose.position for o in self._world.objects()}


def _is_over(tray: Workspace, position: np.ndarray) -> bool:
    half = tray.size / 2.0
    return bool(np.abs(position[:2] - [tray.center_x, tray.center_y]).max() < half)


def cell_with(noise: str, folder: Path) -> str:
    """Write the UR5 cell with a camera of that noise, and return its file."""
    cell = read_yaml(find_config("cells", "ur5"))
    camera = read_yaml(find_config("cameras", cell["camera"])) | {"depth_noise": noise}
    cell |= {"camera": str(folder / "camera.yaml"), "success_detection": "image_difference"}
    for name, content in (("camera", camera), ("cell", cell)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(folder / "cell.yaml")


def main() -> None:
    """Run the campaign; write `agreement.csv` and, for choosing the threshold, `maps.npz`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=200, help="how many [200]")
    parser.add_argument("--noise", choices=["none", "realsense"], default="none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/agreement"))
    parser.add_argument("--keep-maps", action="store_true", help="write every heightmap")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    judged: list[Judged] = []
    maps: list[np.ndarray] = []
    cell = cell_with(options.noise, options.out)
    with make_simulated_cell(cell, seed=options.seed) as simulation:
        campaign = Campaign(simulation, np.random.default_rng([options.seed, 3]))
        for number in tqdm(range(options.attempts), unit="attempt"):
            if number % _CHANGE_AFTER == 0:
                campaign.new_objects(options.seed * 1000 + number)
            verdict = campaign.attempt(number)
            if verdict is not None:
                judged.append(verdict)
                maps.append(np.stack(campaign.detector.maps))
    with (options.out / "agreement.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in dataclasses.fields(Judged)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(j) for j in judged)
    if options.keep_maps:
        np.savez_compressed(options.out / "maps.npz", maps=np.stack(maps))


if __name__ == "__main__":
    main()
