"""Actions refuse numbers that no robot could carry out."""

import math
from collections.abc import Callable

import pytest

from equigrasp.errors import CommandRejectedError
from equigrasp.geometry.actions import Action, GripperStep, PlanarGrasp, Push

Make = Callable[[], Action]


def test_equal_actions_are_equal() -> None:
    assert PlanarGrasp(0.1, 0.2, 0.3, 0.4, 0.05) == PlanarGrasp(0.1, 0.2, 0.3, 0.4, 0.05)
    assert Push(0.1, 0.2, 0.3, 0.4, 0.05) == Push(0.1, 0.2, 0.3, 0.4, 0.05)
    step = GripperStep((0.0, 0.01, -0.02), 0.1, "close", is_final=True)
    assert step == GripperStep((0.0, 0.01, -0.02), 0.1, "close", True)
    assert step != GripperStep((0.0, 0.01, -0.02), 0.1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: PlanarGrasp(0.0, math.nan, 0.0, 0.0, 0.05), "Grasp y must be finite"),
        (lambda: Push(math.inf, 0.0, 0.0, 0.0, 0.1), "Push x must be finite"),
        (lambda: Push(0.0, 0.0, 0.0, math.nan, 0.1), "Push direction must be finite"),
        (lambda: Push(0.0, 0.0, 0.0, 0.0, 0.0), "Push length must be positive, found 0.0"),
        (lambda: GripperStep((0.0, math.nan, 0.0), 0.0), "d_position must be three finite"),
        (lambda: GripperStep((0.0, 0.0), 0.0), "d_position must be three finite"),  # type: ignore[arg-type]
        (lambda: GripperStep((0.0, 0.0, 0.0), math.inf), "Step d_theta must be finite"),
        (lambda: GripperStep((0.0, 0.0, 0.0), 0.0, "shut"), "found 'shut'"),  # type: ignore[arg-type]
    ],
)
def test_impossible_numbers_are_refused(make: Make, reason: str) -> None:
    with pytest.raises(CommandRejectedError, match=reason):
        make()
