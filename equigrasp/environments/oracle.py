"""A scripted expert: the upper reference that learned policies are measured against."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equigrasp.devices.world import World
from equigrasp.errors import PerceptionError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.angles import angle_distance, bin_to_angle
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.grasp_height import HandGeometry, grasp_height
from equigrasp.perception.grasp_rating import rate_grasps, rate_pads, sample_pads
from equigrasp.perception.observation import Observation

_SEARCH_RADIUS_PX = 8  # candidates lie this near an object's centre
_HEIGHT_RULE_FLOOR = 0.0101  # [m] `grasp_height` goes no lower; its tips stay clear of all floors
_DISTINCT_DISTANCE_PX = 6.0  # grasps nearer than this and _DISTINCT_ANGLE are the same
_DISTINCT_ANGLE = 0.3  # [rad]
_DISTANCE_COST = 0.03  # of the score for each pixel from the object's centre
_NUM_REFINED = 60  # candidates whose height is worked out exactly …
_NUM_NEAR = 8  # … of them in one neighbourhood

_Rough = tuple[float, int, int, int, float]  # score, row, column, rotation bin, distance [px]


@dataclass(frozen=True)
class OracleConfig:
    """Choices of the oracle.

    Args:
        num_rotations: Yaws in half a turn.
        height_threshold: Pixels higher than this belong to objects [m].
        min_object_pixels: A workspace with fewer object pixels is empty.
        finger_depth: How far the pads may reach over an object's top [m].
        edge_depth: See `HandGeometry` [m].
        wall_depth: See `HandGeometry` [m].
        width: Opening of the fingers on the way down [m].
        lowest: TCP over the floor where nothing is in the way [m]. Tips of an open 2F-85 stand 13.7 mm
            above the TCP, so that on flat wide objects the height rule's 10 mm leave the pads hardly
            any hold.
    """

    num_rotations: int = 16
    height_threshold: float = 0.005
    min_object_pixels: int = 20
    finger_depth: float = 0.04
    edge_depth: float = 0.01
    wall_depth: float = 0.008
    width: float = 0.085
    lowest: float = 0.004


@dataclass(frozen=True)
class ScoredGrasp:
    """A candidate: grasp, its pixel, and a score that is comparable within one heightmap."""

    grasp: PlanarGrasp
    row: int
    col: int
    score: float


def is_empty(observation: Observation, config: OracleConfig | None = None) -> bool:
    """Tell whether no object rises above the floor in the action square."""
    chosen = config or OracleConfig()
    return len(_object_pixels(observation, chosen)) < chosen.min_object_pixels


class Oracle:
    """Rates grasps by what the pads would meet, as the heightmap shows it.

    See `rate_grasp`: across the narrow axis of an isolated object all that it asks for holds at once.

    Args:
        config: Choices.
        world: Tells where the centres of objects are; without it every object pixel is tried.
    """

    def __init__(self, config: OracleConfig | None = None, world: World | None = None) -> None:
        self.config = config or OracleConfig()
        self._world = world

    def choose(self, observation: Observation, num_consecutive_failures: int = 0) -> PlanarGrasp:
        """Return the best grasp, or after failures the next best that is different.

        Raises:
            PerceptionError: if the workspace is empty or offers no grasp at all.
        """
        distinct = self.choices(observation, num_consecutive_failures + 1)
        return distinct[num_consecutive_failures % len(distinct)]

    def choices(self, observation: Observation, count: int) -> list[PlanarGrasp]:
        """Return so many grasps that differ, or all there are; see `choose`.

        What the best few objects offer comes first; then the others have their turn.
        """
        distinct: list[ScoredGrasp] = []
        while len(distinct) < count:
            before = len(distinct)
            for candidate in self.rank(observation, distinct):
                if len(distinct) < count and not any(_is_same(candidate, o) for o in distinct):
                    distinct.append(candidate)
            if len(distinct) == before:
                break
        if not distinct:
            raise PerceptionError(
                f"The oracle finds no grasp in workspace '{observation.workspace.name}'."
            )
        return [candidate.grasp for candidate in distinct]

    def rank(
        self, observation: Observation, tried: Sequence[ScoredGrasp] = ()
    ) -> list[ScoredGrasp]:
        """Return all grasps worth a try, best first, away from those that were tried."""
        pixels = [
            p
            for p in self._candidate_pixels(observation)
            if all(math.hypot(p[0] - t.row, p[1] - t.col) >= _DISTINCT_DISTANCE_PX for t in tried)
        ]
        if not pixels:
            return []
        num = self.config.num_rotations
        places = np.array([p[:2] for p in pixels], dtype=float)
        rough = []
        for rotation_bin in range(num):
            theta = bin_to_angle(rotation_bin, num)
            strips = sample_pads(observation.heightmap, places, theta)
            heights = self._rough_heights(strips)
            for (row, col, distance), strip, height in zip(pixels, strips, heights, strict=True):
                score = rate_pads(strip, height, self._opening_px(observation))
                if score is not None:
                    rough.append(
                        (score - _DISTANCE_COST * distance, row, col, rotation_bin, distance)
                    )
        rough.sort(key=lambda c: c[0], reverse=True)
        rated = (self._rate(observation, *c[1:]) for c in _spread_out(rough))
        return sorted((c for c in rated if c is not None), key=lambda c: c.score, reverse=True)

    def rate(
        self, observation: Observation, row: int, col: int, rotation_bin: int
    ) -> float | None:
        """Return the score of a grasp at a heightmap pixel; None if nothing would be held."""
        rated = self._rate(observation, row, col, rotation_bin, 0.0)
        return None if rated is None else rated.score

    def _opening_px(self, observation: Observation) -> float:
        return self.config.width / 2.0 / observation.workspace.pixel_size

    def _rough_heights(self, strips: np.ndarray) -> np.ndarray:
        """Return grasp heights (K,) [m] of strips (K, U, V) as if nothing stood under the fingers."""
        tops = np.sort(strips[:, 4:-4].reshape(len(strips), -1), axis=1)[:, -12:-2].mean(axis=1)
        return np.asarray(np.maximum(tops - self.config.finger_depth, self.config.lowest))

    def _candidate_pixels(self, observation: Observation) -> list[tuple[int, int, float]]:
        """Return rows, columns and distances [px] to the nearest object centre."""
        workspace = observation.workspace
        pixels = _object_pixels(observation, self.config)
        centres = [] if self._world is None else _centres(self._world, workspace)
        if not centres:
            return [(int(r), int(c), 0.0) for r, c in pixels[:: max(1, len(pixels) // 200)]]
        found = []
        for row, col in centres:
            reach = range(-_SEARCH_RADIUS_PX, _SEARCH_RADIUS_PX + 1, 2)
            for i in reach:
                for j in reach:
                    if workspace.contains_pixel(row + i, col + j):
                        found.append((row + i, col + j, math.hypot(i, j)))
        return found

    def _rate(
        self, observation: Observation, row: int, col: int, rotation_bin: int, distance: float
    ) -> ScoredGrasp | None:
        config, workspace = self.config, observation.workspace
        theta = bin_to_angle(rotation_bin, config.num_rotations)
        height = float(
            grasp_height(
                observation.heightmap,
                row,
                col,
                theta,
                config.width,
                HandGeometry(config.finger_depth, config.edge_depth, config.wall_depth),
                workspace,
            )
        )
        if height < _HEIGHT_RULE_FLOOR:  # nothing in the way: reach as low as the floor allows
            height = self.config.lowest
        (score,) = rate_grasps(
            observation.heightmap,
            np.array([[row, col]]),
            theta,
            pixel_size=workspace.pixel_size,
            height=height,
            width=config.width,
        )
        if score is None:
            return None
        x, y = workspace.pixel_to_xy(row, col)
        grasp = PlanarGrasp(x, y, workspace.floor_z + height, theta, config.width)
        return ScoredGrasp(grasp, row, col, score - _DISTANCE_COST * distance)


def _spread_out(rough: list[_Rough]) -> list[_Rough]:
    """Keep the best few of each neighbourhood, so that second choices differ from the first."""
    kept: list[_Rough] = []
    for candidate in rough:
        if len(kept) >= _NUM_REFINED:
            break
        _, row, col, _, _ = candidate
        near = sum(math.hypot(row - k[1], col - k[2]) < _DISTINCT_DISTANCE_PX for k in kept)
        if near < _NUM_NEAR:
            kept.append(candidate)
    return kept


def _object_pixels(observation: Observation, config: OracleConfig) -> np.ndarray:
    """Return rows and columns (N, 2) of the action square's object pixels."""
    border = observation.workspace.border_px
    inner = slice(border, observation.heightmap.shape[0] - border)
    return np.argwhere(observation.heightmap[inner, inner] > config.height_threshold) + border


def _centres(world: World, workspace: Workspace) -> list[tuple[int, int]]:
    positions = [o.pose.position for o in world.objects()]
    pixels = [workspace.xy_to_pixel(float(p[0]), float(p[1])) for p in positions]
    return [p for p in pixels if workspace.contains_pixel(*p)]


def _is_same(a: ScoredGrasp, b: ScoredGrasp) -> bool:
    is_near = math.hypot(a.row - b.row, a.col - b.col) < _DISTINCT_DISTANCE_PX
    return is_near and angle_distance(a.grasp.theta, b.grasp.theta) < _DISTINCT_ANGLE
