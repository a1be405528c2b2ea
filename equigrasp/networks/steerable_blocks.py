"""Building blocks of steerable networks (Weiler and Cesa, "General E(2)-Equivariant Steerable CNNs")."""

import torch
from torch.nn.functional import interpolate

from equigrasp.networks.escnn_modules import enn, gspaces
from equigrasp.networks.steerable_convolution import (
    JointFilters,
    SteerableConvolution,
    join_filters,
)

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
    """Return `count` fields of scalars."""
    return enn.FieldType(space, [space.trivial_repr] * count)


def convolution(
    in_type: "enn.FieldType", out_type: "enn.FieldType", kernel_size: int, padding: int
) -> SteerableConvolution:
    """Return a steerable convolution with bias, initialised as escnn's generalised He rule says."""
    conv = SteerableConvolution(in_type, out_type, kernel_size, padding=padding, initialize=False)
    enn.init.generalized_he_init(conv.weights.data, conv.basisexpansion, cache=_USE_INIT_CACHE)
    return conv


class ResidualBlock(torch.nn.Module):
    """Conv, ReLU, conv, plus skip, ReLU.

    The skip is a convolution of the same size where the fields change, else the identity.
    """

    _joint: JointFilters  # of `first` and `skip`, while weights are evaluated

    def __init__(
        self, in_type: "enn.FieldType", out_type: "enn.FieldType", kernel_size: int
    ) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.first = convolution(in_type, out_type, kernel_size, padding)
        self.second = convolution(out_type, out_type, kernel_size, padding)
        self.skip = (
            None if in_type == out_type else convolution(in_type, out_type, kernel_size, padding)
        )

    def train(self, mode: bool = True) -> "ResidualBlock":
        """Choose the mode; evaluation begins by expanding the filters, and joins them once."""
        is_new = self.training and not mode
        super().train(mode)
        if is_new and self.skip is not None:
            with torch.no_grad():
                self._joint = join_filters(self.first, self.skip)
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) of in_type to out_type at the same size."""
        if self.skip is None:
            hidden, skip = self.first(x), x
        else:
            joint = join_filters(self.first, self.skip) if self.training else self._joint
            hidden, skip = self.first.apply_joint(x, joint)
        return (self.second(torch.relu(hidden)) + skip).relu_()


def join(a: torch.Tensor, b: torch.Tensor, num_components: int) -> torch.Tensor:
    """Put the regular fields of two maps side by side, in the channel order of the convolutions."""
    last = [x.permute(0, 2, 3, 1).unflatten(3, (num_components, -1)) for x in (a, b)]
    return torch.cat(last, 4).flatten(3).permute(0, 3, 1, 2)


def upsample(x: torch.Tensor) -> torch.Tensor:
    """Double the size of a map by bilinear interpolation."""
    return interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
