"""librealsense's depth filters, and a median of our own."""

from typing import Any

import numpy as np

from equigrasp.hardware.realsense.config import FilterConfig

_HOLES_FILLING = {"from_left": 0, "farthest": 1, "nearest": 2}  # of the library's holes_fill


def make_filters(rs: Any, config: FilterConfig) -> list[Any]:
    """Return the library's processing blocks, in the order that it advises."""
    blocks = []
    if config.decimation > 1:
        block = rs.decimation_filter()
        block.set_option(rs.option.filter_magnitude, float(config.decimation))
        blocks.append(block)
    smoothing = [rs.spatial_filter()] if config.use_spatial else []
    smoothing += [rs.temporal_filter()] if config.use_temporal else []
    if smoothing:  # on disparity, whose noise is the same near and far
        blocks += [rs.disparity_transform(True), *smoothing, rs.disparity_transform(False)]
    if config.fill_holes != "off":
        block = rs.hole_filling_filter()
        block.set_option(rs.option.holes_fill, float(_HOLES_FILLING[config.fill_holes]))
        blocks.append(block)
    return blocks


def temporal_median(depths: list[np.ndarray]) -> np.ndarray:
    """Return each pixel's median over frames, of those frames that measured it.

    Args:
        depths: Images of one shape (H, W), float32 [m]; 0: no measurement.

    Returns:
        Shape (H, W), float32 [m]; 0 where no frame has a measurement.
    """
    if len(depths) == 1:
        return depths[0]
    stack = np.sort(np.stack(depths), axis=0)  # zeros first
    num_zeros = (stack <= 0.0).sum(axis=0)
    num_valid = len(depths) - num_zeros
    low = np.minimum(num_zeros + (num_valid - 1) // 2, len(depths) - 1)
    high = np.minimum(num_zeros + num_valid // 2, len(depths) - 1)
    pair = np.take_along_axis(stack, np.stack([low, high]), axis=0)
    return np.where(num_valid > 0, pair.mean(axis=0), 0.0).astype(np.float32)
