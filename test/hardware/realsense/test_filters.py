"""The median against numpy's, and by hand."""

import numpy as np
import pytest

from equigrasp.hardware.realsense.filters import temporal_median


def _image(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_the_median_ignores_what_was_not_measured() -> None:
    frames = [_image(0.0, 1.0, 0.0), _image(0.0, 3.0, 0.0), _image(2.0, 2.0, 0.0)]
    assert temporal_median(frames)[0].tolist() == [2.0, 2.0, 0.0]


def test_an_even_number_of_measurements_gives_the_middle() -> None:
    frames = [_image(1.0), _image(0.0), _image(2.0)]
    assert temporal_median(frames)[0, 0] == pytest.approx(1.5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_it_is_numpy_s_median_where_all_frames_measured(
    rng: np.random.Generator, count: int
) -> None:
    frames = [rng.uniform(0.5, 1.5, (5, 7)).astype(np.float32) for _ in range(count)]
    found = temporal_median(frames)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.median(frames, axis=0), abs=1e-6)


def test_it_is_numpy_s_nanmedian_where_some_did(rng: np.random.Generator) -> None:
    stack = rng.uniform(0.5, 1.5, (6, 9, 11)).astype(np.float32)
    stack[rng.random(stack.shape) < 0.4] = 0.0
    stack[0] = 1.0  # at least one measurement everywhere
    expected = np.nanmedian(np.where(stack > 0, stack, np.nan), axis=0)
    assert temporal_median(list(stack)) == pytest.approx(expected, abs=1e-6)
