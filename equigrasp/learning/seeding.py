"""Seeds as pure functions of what they are for."""

import numpy as np


def derive_seed(*parts: int) -> int:
    """Return a 63-bit seed that depends on all parts and on nothing else."""
    return int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0]) >> 1
