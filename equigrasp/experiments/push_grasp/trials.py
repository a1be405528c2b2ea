"""Grasps and pushes in a simulated clutter, each from a kept state."""

import contextlib
from collections.abc import Iterator

import numpy as np

from equigrasp.errors import CommandRejectedError, UnreachableError
from equigrasp.geometry.actions import PixelGrasp, PixelPush
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.grasp_height import sample_strip
from equigrasp.perception.grasp_rule import GraspRule
from equigrasp.perception.observation import Observation
from equigrasp.perception.push_rule import PushRule
from equigrasp.primitives.push_planner import clipped
from equigrasp.replay.grasp_scenes import GraspOutcomeKind
from equigrasp.simulation.clutter import Clutter
from equigrasp.simulation.fast_hand import FastHand
from equigrasp.simulation.label_camera import LabelCamera
from equigrasp.simulation.make import SimulatedCell, make_simulated_cell

_FINGER_REACH = 0.035  # [m] that a hand reaches beyond its opening
_HALF_HAND = 0.019  # [m] half the hand's width across the opening, and slack


@contextlib.contextmanager
def simulated_trials(
    cell: str, objects: str, seed: int, split: str, rule: GraspRule
) -> Iterator["Trials"]:
    """Open a simulation, and close it in the end.

    Args:
        cell: Cell to simulate.
        objects: Object set.
        seed: Of the simulation.
        split: Part of the object set.
        rule: Height and opening of grasps.
    """
    with make_simulated_cell(cell, object_set=objects, seed=seed) as simulation:
        yield Trials(simulation, rule, split)


class Trials:
    """Tries grasps and pushes in a simulated clutter, each from a kept state.

    The outcome of an imagined grasp, whether the target is held, is the simulator's own: the one truth
    about the world that labels and rewards read (paper, section III-C).

    Args:
        simulation: With an arm of its own above an open table; see `FastHand`.
        rule: Height and opening of grasps.
        split: Part of the object set.
    """

    def __init__(self, simulation: SimulatedCell, rule: GraspRule, split: str) -> None:
        self.clutter = Clutter(simulation)
        self.rule = rule
        self._world, self._split = simulation.world, split
        self._box = simulation.cell.config.safety.box
        self._camera = LabelCamera(simulation.cell.camera, simulation.world)  # type: ignore[arg-type]
        self._hand = FastHand(simulation)

    @property
    def workspace(self) -> Workspace:
        """The table."""
        return self.clutter.workspace

    def drop(self, num_objects: int, spread: float, seed: int) -> None:
        """Drop objects, drawn and strewn by a seed."""
        rng = np.random.default_rng(seed)
        names = self._world.object_set.draw(self._split, num_objects, rng)
        self.clutter.drop(names, spread, seed)

    def drop_drawn(
        self,
        num_objects: tuple[int, int],
        spread: tuple[float, float],
        rng: np.random.Generator,
    ) -> None:
        """Drop a scene whose number of objects, spread and seed are drawn.

        Args:
            num_objects: Fewest and most.
            spread: Smallest and largest half side of the square that they are dropped over [m].
            rng: Draws them.
        """
        count, drawn = int(rng.integers(num_objects[0], num_objects[1] + 1)), rng.uniform(*spread)
        self.drop(count, float(drawn), int(rng.integers(2**31)))

    def look(self) -> tuple[Observation, dict[int, int]]:
        """Return what is seen, with the objects' handles by label."""
        return self._camera.look(self.workspace)

    @contextlib.contextmanager
    def kept(self) -> Iterator[int]:
        """Keep the present state within the block; yields its handle."""
        state = self._world.snapshot()
        try:
            yield state
        finally:
            self._world.forget(state)

    def grasp(
        self, state: int, observation: Observation, pixel: PixelGrasp, target: int
    ) -> GraspOutcomeKind:
        """Try a grasp from a kept state.

        Args:
            state: Of `kept`.
            observation: Of that state.
            pixel: What to try.
            target: Handle of the object that is aimed at.
        """
        self._world.restore(state)
        grasp = self.rule.grasp(observation.heightmap, pixel, self.workspace)
        reach = (grasp.width / 2.0 + _FINGER_REACH, _HALF_HAND)
        place = pixel.row, pixel.col, grasp.theta
        try:
            held = self._hand.grasp(grasp, self._clear_height(observation, place, reach))
        except UnreachableError:
            held = ()
        return GraspOutcomeKind.of(target, held)

    def push(self, state: int, observation: Observation, pixel: PixelPush, rule: PushRule) -> bool:
        """Push from a kept state, and leave the world as it is then; False: refused, nothing moved.

        Args:
            state: Of `kept`.
            observation: Of that state.
            pixel: What to do.
            rule: Height and length.
        """
        self._world.restore(state)
        push = rule.push(observation.heightmap, pixel, self.workspace)
        place = pixel.row, pixel.col, push.direction
        try:
            within = clipped(push, self.workspace, self._box)
            clear = self._clear_height(observation, place, (_FINGER_REACH, _FINGER_REACH))
            self._hand.push(within, clear)
        except (UnreachableError, CommandRejectedError):
            return False
        return True

    def _clear_height(
        self,
        observation: Observation,
        place: tuple[int, int, float],
        reach: tuple[float, float],
    ) -> float:
        """Return the height in base that nothing below the hand exceeds [m].

        Args:
            observation: What is seen.
            place: Row, column and yaw [rad] of the hand.
            reach: Of the hand along the opening and across it, half its size [m].
        """
        along, across = (
            np.arange(-half, half + 1.0)
            for half in (np.ceil(r / self.workspace.pixel_size) for r in reach)
        )
        heights = sample_strip(observation.heightmap, *place, along, across)
        return self.workspace.floor_z + float(heights.max())
