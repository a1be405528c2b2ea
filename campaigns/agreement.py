"""Measure how often each success detector agrees with the simulated truth.

    .venv/bin/python campaigns/agreement.py --attempts 180 --seed 0 --out results/agreement

Half of the attempts are a script's that knows the objects, half random, so that both outcomes occur.
All detectors judge the same attempts, the pictures without and with a stereo camera's noise. The
truth is read from the objects' poses after the lift.
"""

import argparse
import csv
import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from equigrasp.devices.gripper import GripperState
from equigrasp.environments.open_loop_grasp import OpenLoopGraspEnv, return_stray
from equigrasp.environments.oracle import Oracle
from equigrasp.errors import DeviceError, PerceptionError, PlanningError
from equigrasp.experiments.rollouts.protocol import NUM_OBJECTS
from equigrasp.experiments.statistics import wilson_interval
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.grasp_height import HandGeometry, grasp_height
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation
from equigrasp.planning.ompl_planner import OmplPlanner
from equigrasp.primitives.outcome import Phase
from equigrasp.primitives.place_target import sample_place
from equigrasp.primitives.success import ImageDifference, lost_volume
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_RISEN = 0.1  # [m] an object that is higher by more after the lift hangs in the fingers
_CHANGE_AFTER = 60  # attempts with one set of objects
_HELD_WIDTH = 0.003  # [m] held_width of the 2F-85
_OBJECT_VOLUME = 30e-6  # [m³] min_object_volume


@dataclass(frozen=True)
class Judged:
    """What became of an attempt, and what there is to judge it by.

    Args:
        seed: Of the campaign.
        number: Of the attempt.
        policy: Who chose the grasp.
        is_held: Truth: whether an object hung in the fingers after the lift.
        num_gone: Truth: how many objects the tray had lost in the end.
        moved: Farthest way that an object went within the tray [m].
        width: Opening of the fingers after the lift [m].
        is_stalled: What the gripper says then.
        lost_volume: Of the tray, by pictures without noise [m³].
        lost_volume_noisy: The same with a stereo camera's noise [m³].
    """

    seed: int
    number: int
    policy: str
    is_held: bool
    num_gone: int
    moved: float
    width: float
    is_stalled: bool
    lost_volume: float
    lost_volume_noisy: float


DETECTORS = {
    "`finger_width`": lambda j: j.width > _HELD_WIDTH,
    "`object_bits`": lambda j: j.is_stalled,
    "`image_difference`, no noise": lambda j: j.lost_volume > _OBJECT_VOLUME,
    "`image_difference`, noise of a stereo camera": lambda j: j.lost_volume_noisy > _OBJECT_VOLUME,
}


class Recorder(ImageDifference):
    """Judges by pictures without noise, and keeps noisy ones and the fingers beside them."""

    def begin(self, workspace: Workspace) -> None:
        self.noisy: list[np.ndarray] = []
        super().begin(workspace)

    def is_success(self, fingers: GripperState) -> bool:
        self.fingers = fingers
        return super().is_success(fingers)

    def _look(self, workspace: Workspace) -> np.ndarray:
        camera = self._cell.camera
        depth = camera.capture().depth
        clean, noisy = (
            heightmap_from_depth(seen, camera.model, camera.T_base_camera, workspace)
            for seen in (depth, camera._add_stereo_noise(depth))
        )
        self.noisy.append(noisy)
        return clean


class Campaign:
    """Attempts in one simulated cell."""

    def __init__(self, simulation: SimulatedCell, seed: int) -> None:
        self._simulation, self._world, self._seed = simulation, simulation.world, seed
        self._rng = np.random.default_rng([seed, 3])
        self.env = OpenLoopGraspEnv(simulation.cell, OmplPlanner(simulation.cell), self._rng)
        self.detector = self.env.pick.detector = Recorder(simulation.cell)
        self._oracle = Oracle(world=simulation.world)

    def new_objects(self, number: int) -> None:
        """Begin anew with other shapes."""
        self._world.reset(self._seed * 1000 + number)
        names = self._world.object_set.draw("all", NUM_OBJECTS, self._rng)
        self._world.spawn_objects(names, self.env.trays.pick)

    def attempt(self, number: int) -> Judged | None:
        """Make one attempt; None if it was refused."""
        self._return_strays()
        policy = "oracle" if number % 2 else "random"
        try:
            observation = self.env.observe_filled()
            return self._judge(number, policy, self._choose(observation, policy))
        except (PlanningError, DeviceError, PerceptionError):
            self.env.pick.go_home()
            return None

    def _return_strays(self) -> None:
        trays = (self.env.trays.pick, self.env.trays.place)
        for _ in self._world.objects():
            if not return_stray(self._world, trays, self.env.trays.place):
                return
            self._simulation.physics.sleep(1.0)

    def _choose(self, observation: Observation, policy: str) -> PlanarGrasp:
        if policy == "oracle":
            return self._oracle.choose(observation, int(self._rng.integers(3)))
        tray, heightmap = observation.workspace, observation.heightmap
        inner = np.zeros_like(heightmap)
        inside = slice(tray.border_px, tray.border_px + tray.action_size_px)
        inner[inside, inside] = heightmap[inside, inside]
        rows, cols = np.nonzero(inner > 0.005)
        i = self._rng.integers(len(rows))
        row, col, theta = int(rows[i]), int(cols[i]), float(self._rng.uniform(0.0, np.pi))
        hand = HandGeometry(0.04, 0.01, 0.008)
        height = float(grasp_height(heightmap, row, col, theta, 0.085, hand, tray))
        return PlanarGrasp(*tray.pixel_to_xy(row, col), tray.floor_z + height, theta, 0.085)

    def _judge(self, number: int, policy: str, grasp: PlanarGrasp) -> Judged:
        tray, before, lifted = self.env.trays.pick, self._poses(), {}

        def on_phase(phase: Phase) -> None:
            if phase is Phase.VERIFY:
                lifted.update(self._poses())

        place = sample_place(self.env.trays.place, 0.042, self._rng)
        outcome = self.env.pick.execute(grasp, tray, place, on_phase=on_phase)
        self._simulation.physics.sleep(0.5)
        after = self._poses()
        inside = {h for h, p in before.items() if _is_over(tray, p)}
        stayed = {h for h in inside if _is_over(tray, after[h])}
        return Judged(
            seed=self._seed,
            number=number,
            policy=policy,
            is_held=any(lifted[h][2] - before[h][2] > _RISEN for h in before),
            num_gone=len(inside) - len(stayed),
            moved=max((float(np.linalg.norm(after[h] - before[h])) for h in stayed), default=0.0),
            width=outcome.finger_width,
            is_stalled=bool(self.detector.fingers.is_stalled),
            lost_volume=self.detector.lost_volume,
            lost_volume_noisy=lost_volume(*self.detector.noisy, tray.pixel_size),
        )

    def _poses(self) -> dict[int, np.ndarray]:
        return {o.handle: o.pose.position for o in self._world.objects()}


def _is_over(tray: Workspace, position: np.ndarray) -> bool:
    half = tray.size / 2.0
    return bool(np.abs(position[:2] - [tray.center_x, tray.center_y]).max() < half)


def summary(judged: list[Judged]) -> str:
    """Return the agreement of each detector as a Markdown table."""
    held, empty = ([j for j in judged if j.is_held is kind] for kind in (True, False))
    lines = [
        f"{len(judged)} attempts, {len(held)} with an object in the fingers after the lift.",
        "",
        "| detector | agrees | false successes | false failures |",
        "|---|---|---|---|",
    ]
    for name, judge in DETECTORS.items():
        wrong_empty = sum(judge(j) for j in empty)
        wrong_held = sum(not judge(j) for j in held)
        right = len(judged) - wrong_empty - wrong_held
        shares = ((right, judged), (wrong_empty, empty), (wrong_held, held))
        lines.append(f"| {name} | " + " | ".join(_share(n, len(of)) for n, of in shares) + " |")
    return "\n".join(lines) + "\n"


def _share(count: int, total: int) -> str:
    low, high = wilson_interval(count, total)
    return f"{count} of {total}: {100 * count / total:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def main() -> None:
    """Run the campaign; write `agreement.csv` and `agreement.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=180, help="how many [180]")
    parser.add_argument("--seed", type=int, default=0, help="seed of objects and grasps [0]")
    parser.add_argument("--out", type=Path, default=Path("results/agreement"), help="folder")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    judged: list[Judged] = []
    with make_simulated_cell("ur5", seed=options.seed) as simulation:
        campaign = Campaign(simulation, options.seed)
        for number in tqdm(range(options.attempts), unit="attempt"):
            if number % _CHANGE_AFTER == 0:
                campaign.new_objects(number)
            verdict = campaign.attempt(number)
            if verdict is not None:
                judged.append(verdict)
    with (options.out / "agreement.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in dataclasses.fields(Judged)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(j) for j in judged)
    (options.out / "agreement.md").write_text(summary(judged), encoding="utf-8")
    sys.stdout.write(summary(judged))


if __name__ == "__main__":
    main()
