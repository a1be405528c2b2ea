"""Squares fitted to corners."""

import itertools

import numpy as np
import pytest

from equigrasp.calibration.tray_corners import fit_tray
from equigrasp.errors import CalibrationError


def square(x: float, y: float, yaw_deg: float, size: float = 0.3, z: float = 0.002) -> np.ndarray:
    """Return four corners, shape (4, 3) [m]."""
    turn = np.exp(1j * np.deg2rad(yaw_deg))
    flat = (x + 1j * y) + size / 2 * turn * np.array([-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j])
    return np.column_stack([flat.real, flat.imag, np.full(4, z)])


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_four_corners_in_any_order_give_the_square(order: tuple[int, ...]) -> None:
    fit = fit_tray("left", square(0.46, 0.2, 0.9)[list(order)], 0.3)
    assert fit.center == pytest.approx((0.46, 0.2))
    assert fit.yaw_deg == pytest.approx(0.9)
    assert fit.size == pytest.approx(0.3)
    assert fit.floor_z == pytest.approx(0.002)
    assert fit.residual_mm < 1e-9


@pytest.mark.parametrize("order", itertools.permutations(range(4), 3))
def test_three_corners_in_any_order_give_the_square(order: tuple[int, ...]) -> None:
    fit = fit_tray("left", square(0.46, -0.2, -1.1)[list(order)], 0.3)
    assert fit.center == pytest.approx((0.46, -0.2))
    assert fit.yaw_deg == pytest.approx(-1.1)
    assert fit.size == pytest.approx(0.3)


def test_noise_of_half_a_millimetre_moves_the_centre_less() -> None:
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(50):
        corners = square(0.45, 0.21, 0.2) + rng.normal(scale=5e-4, size=(4, 3))
        fit = fit_tray("left", corners, 0.3)
        worst = max(worst, float(np.hypot(fit.center[0] - 0.45, fit.center[1] - 0.21)))
    assert worst < 1e-3


def bent(k: int, by: list[float]) -> np.ndarray:
    """Return a square with one corner displaced [m]."""
    corners = square(0.45, 0.21, 0.0)
    corners[k] += by
    return corners


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (square(0.45, 0.21, 4.0), r"turned by 4\.00 deg.*Turn it by -4\.00 deg"),
        (square(0.45, 0.21, 0.0, size=0.28), r"span 280\.0 mm; expected 300 \+- 6 mm"),
        (bent(0, [0.01, -0.005, 0.0]), "mm from a square"),
        (bent(1, [0.0, 0.0, 0.02]), "floor of workspace 'left' is tilted by"),
        (square(0.45, 0.21, 0.0)[:2], "needs 3 or 4 corners"),
        (bent(2, [np.nan, 0.0, 0.0]), "finite coordinates"),
    ],
)
def test_what_is_no_upright_square_of_that_size_is_refused(
    corners: np.ndarray, message: str
) -> None:
    with pytest.raises(CalibrationError, match=message):
        fit_tray("left", corners, 0.3)
