"""Seeds as pure functions of what they are for."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What a run's seed is used for: no two draw from the same stream of random numbers."""

    NETWORKS = 1  # first weights
    COPIES = 2  # augmented copies of the attempts in the buffer
    MINIBATCHES = 3  # which attempts a minibatch holds
    LOSSES = 4  # what a loss draws, as off-policy pixels
    VIEWS = 5  # fresh augmentations
    LABELS = 11  # augmented copies of labels of before


def derive_seed(*parts: int) -> int:
    """Return a 63-bit seed that depends on all parts and on nothing else."""
    return int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0]) >> 1
