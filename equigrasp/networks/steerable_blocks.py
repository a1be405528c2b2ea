"""Building blocks of steerable networks (Weiler and Cesa, "General E(2)-Equivariant Steerable CNNs")."""

import warnings

import torch

from equigrasp.networks.escnn_import import stand_in_for_lie_learn

stand_in_for_lie_learn()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # escnn warns of an optional package that SE(2) never needs
    from escnn import gspaces
    from escnn import nn as enn

__all__ = ["ResidualBlock", "convolution", "cyclic", "dihedral", "enn", "regular", "trivial"]

# A block of given field types is initialised alike in every network: escnn keeps what it computes.
_USE_INIT_CACHE = True


def dihedral(num_rotations: int) -> "gspaces.GSpace":
    """Return the plane under `num_rotations` rotations and reflections, D_n."""
    return gspaces.flipRot2dOnR2(num_rotations)


def cyclic(num_rotations: int) -> "gspaces.GSpace":
    """Return the plane under `num_rotations` rotations, C_n."""
    return gspaces.rot2dOnR2(num_rotations)


def regular(space: "gspaces.GSpace", count: int) -> "enn.FieldType":
    """Return `count` regular fields."""
    return enn.FieldType(space, [space.regular_repr] * count)


def trivial(space: "gspaces.GSpace", count: int) -> "enn.FieldType":
    """Return `count` trivial (scalar) fields."""
    return enn.FieldType(space, [space.trivial_repr] * count)


def convolution(
    in_type: "enn.FieldType", out_type: "enn.FieldType", kernel_size: int, padding: int
) -> "enn.R2Conv":
    """Return a steerable convolution with bias, initialised as escnn's generalised He rule says."""
    conv = enn.R2Conv(in_type, out_type, kernel_size, padding=padding, initialize=False)
    enn.init.generalized_he_init(conv.weights.data, conv.basisexpansion, cache=_USE_INIT_CACHE)
    return conv


class ResidualBlock(torch.nn.Module):
    """Conv, ReLU, conv, plus skip, ReLU; the skip is a convolution of the same size where the
    fields change, else the identity (asr page, section 1)."""

    def __init__(
        self, in_type: "enn.FieldType", out_type: "enn.FieldType", kernel_size: int
    ) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.first = convolution(in_type, out_type, kernel_size, padding)
        self.relu = enn.ReLU(out_type)
        self.second = convolution(out_type, out_type, kernel_size, padding)
        self.skip = (
            None if in_type == out_type else convolution(in_type, out_type, kernel_size, padding)
        )

    def forward(self, x: "enn.GeometricTensor") -> "enn.GeometricTensor":
        """Map in_type to out_type at the same size."""
        skip = x if self.skip is None else self.skip(x)
        return self.relu(self.second(self.relu(self.first(x))) + skip)
