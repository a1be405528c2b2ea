"""Memory of replay against storing what the published code stores."""

import numpy as np

from equigrasp.experiments.speed.stopwatch import Comparison
from equigrasp.learning.grasping.grasp_buffer import GraspBuffer
from equigrasp.learning.grasping.grasp_step import grasp_step, quantize

_SIZE_PX = 128
_NUM_COPIES = 8


def measure_replay(num_attempts: int = 20) -> Comparison:
    """Fill a buffer with attempts and weigh it beside 8 copies of heightmap and next heightmap."""
    buffer = GraspBuffer(num_attempts, _NUM_COPIES, 8, 96, 0)
    heightmap = np.random.default_rng(0).uniform(0.0, 0.1, (_SIZE_PX, _SIZE_PX))
    for attempt in range(num_attempts):
        buffer.add(grasp_step(quantize(heightmap), 64, 64, 0, 1.0, attempt))
    copies = [np.array(heightmap, np.float32) for _ in range(2 * _NUM_COPIES)]
    return Comparison(
        "replay, an attempt",
        "kB",
        buffer.num_bytes / num_attempts / 1000.0,
        sum(c.nbytes for c in copies) / 1000.0,
        "8 copies of image and next image",
    )
