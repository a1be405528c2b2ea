"""Clebsch-Gordan coefficients that are the same on every machine, so that weights mean the same.

Weights are coordinates in a basis that escnn makes from these coefficients. It finds those of
dihedral groups as a null space, whose sign is left to the linear algebra library, which chooses its
code by the processor: weights of one machine were nonsense on another, though the networks that
they made were as equivariant as they should be.
"""

import numpy as np

BASIS = "canonical signs"  # what checkpoints say of the coordinates that their weights are
_ZERO = 1e-6  # entries of coefficients are zero or of the order of one
_kept: dict[tuple[object, ...], np.ndarray] = {}  # by group, as escnn names it, and irreps


def with_canonical_signs(coefficients: np.ndarray) -> np.ndarray:
    """Return coefficients (J, l, s, j) of which the first that is not zero is positive.

    Raises:
        ValueError: if the multiplicity s is above 1: then more than signs would be arbitrary.
    """
    if coefficients.shape[2] > 1:
        raise ValueError(
            f"Coefficients of multiplicity {coefficients.shape[2]} have no canonical form here."
        )
    entries = coefficients.reshape(-1)
    first = entries[np.abs(entries) > _ZERO][:1]
    return -coefficients if first.size and first[0] < 0.0 else coefficients


def make_signs_canonical() -> None:
    """Give all of escnn's numerical coefficients canonical signs; those of cyclic groups are analytic.

    A network asks for the same few some hundred times, and escnn would read a file each time.
    """
    from escnn.group import Group

    numerical = Group._clebsh_gordan_coeff

    def coefficients(self: Group, m: object, n: object, j: object) -> np.ndarray:
        irreps = [self.get_irrep_id(irrep) for irrep in (m, n, j)]
        key = (type(self).__name__, *sorted(self._keys.items()), *irreps)
        if key not in _kept:
            _kept[key] = with_canonical_signs(numerical(self, m, n, j))
            _kept[key].flags.writeable = False
        return _kept[key]

    Group._clebsh_gordan_coeff = coefficients
