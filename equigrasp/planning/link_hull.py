"""Convex hulls of collision shapes, as points."""

import itertools

import coal
import numpy as np
from scipy.spatial import ConvexHull


def hull_corners(shape: "coal.CollisionGeometry") -> np.ndarray:
    """Return points (K, 3) [m] whose convex hull holds a shape, in its own frame."""
    if isinstance(shape, coal.BVHModelBase):
        vertices = np.asarray(shape.vertices())
        return np.asarray(vertices[ConvexHull(vertices).vertices])
    shape.computeLocalAABB()
    low, high = np.asarray(shape.aabb_local.min_), np.asarray(shape.aabb_local.max_)
    share = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    return np.asarray(low + share * (high - low))


def hull_surface(corners: np.ndarray, spacing: float) -> np.ndarray:
    """Return points on a grid about the surface of a convex hull.

    Args:
        corners: Points that span the hull, shape (K, 3) [m].
        spacing: Side of the grid's cells [m].

    Returns:
        Centres of all grid cells that the surface passes through, shape (N, 3) [m]: no point of the
        surface is farther from the next one than half a cell's diagonal.
    """
    triangles = corners[ConvexHull(corners).simplices]  # (T, 3, 3)
    edges = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(axis=1)
    counts = np.maximum(1, np.ceil(2.0 * edges / spacing)).astype(int)
    cells = []
    for count in np.unique(counts):
        i, j = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        shares = np.stack([i, j, count - i - j], axis=-1)[i + j <= count] / count  # (M, 3)
        points = shares @ triangles[counts == count]  # (T', M, 3)
        cells.append(np.rint(points / spacing).astype(np.int64).reshape(-1, 3))
    found = np.concatenate(cells)
    low, count = found.min(axis=0), np.ptp(found, axis=0) + 1
    keys = np.unique(np.ravel_multi_index(tuple((found - low).T), tuple(count)))
    return (np.stack(np.unravel_index(keys, tuple(count)), axis=1) + low) * spacing
