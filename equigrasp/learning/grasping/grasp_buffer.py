"""Replay buffer that keeps one observation an attempt and augments on read."""

import numpy as np

from equigrasp.errors import ReplayError
from equigrasp.learning.grasping.augment import AugmentedGrasp, augment
from equigrasp.learning.grasping.grasp_step import grasp_of
from equigrasp.replay.step import Step


class GraspBuffer:
    """The newest `capacity` attempts, each read as one of `num_copies` fixed SE(2) copies.

    Memory is 2 bytes a cell: 33 kB an attempt of 128 × 128, where the published code holds 8
    warped copies of two float images, 1.05 MB. A copy's transform is a pure function of (seed,
    attempt, copy), so a buffer that is rebuilt from the log reads the same.

    Args:
        capacity: Attempts to keep.
        num_copies: Copies of each attempt; 0 reads the attempt as it was.
        num_rotations: Yaw bins.
        action_size_px: Side of the square that the grasp must stay in.
        seed: Seed of the copies.
    """

    def __init__(
        self, capacity: int, num_copies: int, num_rotations: int, action_size_px: int, seed: int
    ) -> None:
        if capacity <= 0 or num_copies < 0:
            raise ReplayError(f"Bad buffer: capacity {capacity}, num_copies {num_copies}.")
        self.capacity = capacity
        self.num_copies = num_copies
        self._num_rotations = num_rotations
        self._action_size_px = action_size_px
        self._seed = seed
        self._steps: dict[int, Step] = {}

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def num_bytes(self) -> int:
        """Memory of the stored heightmaps [bytes]."""
        return sum(s.observation["heightmap"].nbytes for s in self._steps.values())

    def add(self, step: Step) -> None:
        """Store an attempt; the attempts of a run come in order, without gaps."""
        self._steps[step.index] = step
        self._steps.pop(step.index - self.capacity, None)

    def get(self, attempt: int) -> Step:
        """Return a stored attempt; raise `ReplayError` if it is not in the buffer."""
        if attempt not in self._steps:
            raise ReplayError(f"Attempt {attempt} is not in the replay buffer.")
        return self._steps[attempt]

    def read(
        self, attempt: int, copy: int, rng: np.random.Generator | None = None
    ) -> AugmentedGrasp:
        """Return one of the fixed copies of an attempt, augmented once more by `rng` if given."""
        grasp = grasp_of(self.get(attempt))
        if self.num_copies > 0:
            grasp = self._augment(grasp, np.random.default_rng([self._seed, attempt, copy]))
        return grasp if rng is None else self._augment(grasp, rng)

    def _augment(self, grasp: AugmentedGrasp, rng: np.random.Generator) -> AugmentedGrasp:
        return augment(grasp, self._num_rotations, self._action_size_px, rng)

    def sample(
        self,
        newest: int,
        batch_size: int,
        num_failure_slots: int,
        rng: np.random.Generator,
    ) -> list[tuple[int, int]]:
        """Draw (attempt, copy) pairs, with replacement, from the attempts up to `newest`.

        If attempt `newest` failed, the last `num_failure_slots` pairs are copies of it, so that
        the same mistake is not made again (paper, section 5.2).

        Raises:
            ReplayError: if `newest` is not stored.
        """
        is_failure = self.get(newest).reward == 0.0
        oldest = max(0, newest + 1 - self.capacity)
        copies = max(1, self.num_copies)
        attempts = rng.integers(oldest, newest + 1, batch_size)
        pairs = [(int(a), int(rng.integers(copies))) for a in attempts]
        if is_failure:
            for i in range(min(num_failure_slots, batch_size)):
                pairs[batch_size - 1 - i] = (newest, (copies - 1 - i) % copies)
        return pairs
