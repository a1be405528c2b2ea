"""Where grasps failed since the last success."""

import numpy as np

_RADIUS = 0.02  # [m] about a failure, where grasps are likely to fail by the same cause


class FailedPlaces:
    """Remembers a policy's own grasps; who asks for the next one says how many of the last failed."""

    def __init__(self) -> None:
        self._workspace = ""
        self._pixels: list[tuple[int, int]] = []

    def nearness(
        self, pixels: np.ndarray, workspace: str, pixel_size: float, num_failures: int
    ) -> np.ndarray:
        """Return how near pixels are to the failures: 1 for each failure at a pixel, fading, shape (K,).

        Args:
            pixels: Rows and columns, shape (K, 2).
            workspace: Name of theirs; failures in another are forgotten.
            pixel_size: Their side [m].
            num_failures: How many of the last grasps failed; those before are forgotten.
        """
        if workspace != self._workspace or not num_failures:
            self._workspace, self._pixels = workspace, []
        self._pixels = self._pixels[-num_failures:]
        failed = np.array(self._pixels, float).reshape(-1, 2)
        squares = ((pixels[:, None] - failed) ** 2).sum(axis=2) * pixel_size**2
        return np.asarray(np.exp(-squares / (2.0 * _RADIUS**2)).sum(axis=1))

    def add(self, row: int, col: int) -> None:
        """Remember the next grasp."""
        self._pixels.append((row, col))
