"""U-Nets from maps to a map of values for each direction: of grasps (mod 180°) and of pushes (360°)."""

import torch

from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.steerable_blocks import convolution, cyclic, regular, trivial
from equigrasp.networks.steerable_unet import SteerableUNet

_HEAD_FIELDS = 4  # regular fields before the output


def yaw_type(group_order: int, num_yaws: int) -> "enn.FieldType":
    """Return the fields whose channels are the yaws of a parallel gripper.

    Each is of the quotient Cn/C2: half a turn of the gripper is the same gripper. A turn by 360° / n
    shifts its n / 2 channels by one; so the n-th part of half a turn is filled by several fields.

    Args:
        group_order: n, even.
        num_yaws: In [0, pi), a multiple of n / 2.
    """
    space = cyclic(group_order)
    count, rest = divmod(num_yaws, group_order // 2)
    if group_order % 2 or rest:
        raise ValueError(f"C{group_order} does not permute {num_yaws} yaws in [0, pi).")
    return enn.FieldType(space, [space.quotient_repr(2)] * count)


def direction_type(group_order: int, num_directions: int) -> "enn.FieldType":
    """Return the regular fields of Cn whose channels are directions in [0, 2 pi), a multiple of n."""
    count, rest = divmod(num_directions, group_order)
    if rest:
        raise ValueError(f"C{group_order} does not permute {num_directions} directions.")
    return regular(cyclic(group_order), count)


class OrientationUNet(SteerableUNet):
    """Logits of n directions at every pixel; turning the input turns the map and shifts the directions.

    Channel k of the output is the direction k / n of half a turn (`yaw_type`) or of a whole one
    (`direction_type`), whatever order the fields have.

    Args:
        in_type: Fields of the input, of Cn.
        out_type: Of `yaw_type` or `direction_type`.
        fields: See `SteerableUNet`.
        is_stem_pooled: See `SteerableUNet`.
    """

    def __init__(
        self,
        in_type: "enn.FieldType",
        out_type: "enn.FieldType",
        fields: tuple[int, ...],
        is_stem_pooled: bool = False,
    ) -> None:
        super().__init__(in_type, fields, is_stem_pooled)
        hidden = regular(in_type.gspace, _HEAD_FIELDS)
        self.head = convolution(self.out_type, hidden, 3, 1)
        self.output = convolution(hidden, out_type, 1, 0)
        self._num_fields = len(out_type)
        self._is_by_component = out_type.representations[0] == in_type.gspace.regular_repr

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (B, n, H, W), of an input (B, C, H, W).

        Component i of field j is the direction i F + j, F fields in all: a turn of the group moves from
        component to component, and the fields divide what lies between.
        """
        y = self.output(torch.relu(self.head(self.map(x))))
        if self._is_by_component:  # the order of the convolutions' regular fields
            return y  # type: ignore[no-any-return]
        return y.unflatten(1, (self._num_fields, -1)).transpose(1, 2).flatten(1, 2)  # type: ignore[no-any-return]


def scalars(group_order: int, count: int) -> "enn.FieldType":
    """Return the type of an input of `count` maps of scalars, as heights and masks are."""
    return trivial(cyclic(group_order), count)
