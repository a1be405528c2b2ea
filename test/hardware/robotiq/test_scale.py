"""Counts and SI units, by numbers worked by hand."""

import pytest

from equigrasp.hardware.robotiq.scale import Scale

WIDTH = Scale(0.0, 0.085, 230, 3)  # 227 counts for 85 mm
SPEED = Scale(0.02, 0.15, 0, 255)
FORCE = Scale(20.0, 235.0, 0, 255)


@pytest.mark.parametrize(
    ("scale", "value", "counts"),
    [
        (WIDTH, 0.085, 3),
        (WIDTH, 0.0, 230),
        (WIDTH, 0.034, 139),  # 0.4 of the stroke: 230 - 90.8
        (WIDTH, 0.068, 48),  # 0.8 of the stroke: 230 - 181.6
        (SPEED, 0.02, 0),
        (SPEED, 0.15, 255),
        (SPEED, 0.046, 51),  # 0.02 + 0.2 * 0.13
        (FORCE, 20.0, 0),
        (FORCE, 235.0, 255),
        (FORCE, 63.0, 51),  # 20 + 0.2 * 215
        (FORCE, 40.0, 24),  # 20 / 215 * 255 = 23.7
    ],
)
def test_si_values_become_the_counts_worked_by_hand(
    scale: Scale, value: float, counts: int
) -> None:
    assert scale.to_counts(value) == counts


@pytest.mark.parametrize(
    ("counts", "width"),
    [(3, 0.085), (230, 0.0), (139, 91 * 0.085 / 227), (0, 0.085), (255, 0.0)],
)
def test_positions_become_widths_within_the_stroke(counts: int, width: float) -> None:
    assert WIDTH.to_value(counts) == pytest.approx(width)


def test_every_position_round_trips() -> None:
    assert all(WIDTH.to_counts(WIDTH.to_value(c)) == c for c in range(3, 231))
