"""Bases are the same on every machine, whatever signs its linear algebra library gives."""

import sys
from typing import Any

import numpy as np
import pytest

from equigrasp.networks import clebsch_gordan
from equigrasp.networks.clebsch_gordan import with_canonical_signs
from equigrasp.networks.escnn_modules import gspaces

NUMERICAL = sys.modules["escnn.group._clebsh_gordan"]


def all_coefficients(group: Any) -> list[np.ndarray]:
    irreps = [irrep.id for irrep in group.irreps()]
    found = [group._clebsh_gordan_coeff(m, n, j) for m in irreps for n in irreps for j in irreps]
    return [c for c in found if c.size]


@pytest.mark.parametrize("order", [4, 8])
def test_other_signs_of_the_library_change_nothing(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = gspaces.flipRot2dOnR2(order).fibergroup
    before = all_coefficients(group)
    assert len(before) > 20 and all(c[np.abs(c) > 1e-6].flat[0] > 0 for c in before)
    numerical = NUMERICAL._clebsh_gordan_tensor
    calls = []

    def other_signs(*arguments: object, **keys: object) -> np.ndarray:
        calls.append(arguments)
        return np.negative(numerical(*arguments, **keys))

    assert all_coefficients(group)[0] is before[0]  # asked once, kept
    monkeypatch.setattr(NUMERICAL, "_clebsh_gordan_tensor", other_signs)
    monkeypatch.setattr(clebsch_gordan, "_kept", {})
    after = all_coefficients(group)
    assert len(calls) >= len(before) and after[0] is not before[0]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_what_has_no_canonical_form_is_refused() -> None:
    empty = np.zeros((2, 2, 0, 1))
    assert with_canonical_signs(empty) is empty
    with pytest.raises(ValueError, match="multiplicity 2"):
        with_canonical_signs(np.ones((2, 2, 2, 1)))
