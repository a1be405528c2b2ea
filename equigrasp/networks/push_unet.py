"""PushNet: values of pushes in every direction at every pixel, given a target and its neighbours."""

from collections.abc import Sequence

import torch

from equigrasp.networks.graph_attention import StarAttention
from equigrasp.networks.orientation_unet import OrientationUNet, direction_type, scalars
from equigrasp.networks.steerable_blocks import convolution, cyclic, join, regular
from equigrasp.networks.steerable_unet import SteerableUNet

_MIN_MASK_PX = 20  # an object of which less is seen is no node


class PushUNet(torch.nn.Module):
    """A U-Net over heights and target, attention between object masks, and a second U-Net over both.

    Paper, figure 5: features of the first U-Net, averaged over each mask, are the nodes of a star; what
    comes out of the attention is painted back onto the masks and joined to the features.

    Args:
        group_order: n of Cn.
        num_directions: Of pushes in [0, 2 pi).
        fields: Of the first U-Net, fine to coarse.
        num_node_fields: Regular fields of a node.
        fusion_fields: Of the second U-Net.
        num_heads: Of the attention; 0: no attention.
        threshold_px: Distance between the middles of target and neighbour [px].
        is_stem_pooled: See `SteerableUNet`, for both.
        is_complete: See `StarAttention`.
    """

    def __init__(
        self,
        group_order: int,
        num_directions: int,
        fields: tuple[int, ...],
        num_node_fields: int,
        fusion_fields: tuple[int, ...],
        num_heads: int,
        threshold_px: float,
        is_stem_pooled: bool = False,
        is_complete: bool = False,
    ) -> None:
        super().__init__()
        space = cyclic(group_order)
        nodes = regular(space, num_node_fields)
        self._group_order = group_order
        self.local = SteerableUNet(scalars(group_order, 2), fields, is_stem_pooled)
        self.narrow = convolution(self.local.out_type, nodes, 1, 0)
        self.attention = (
            StarAttention(space, num_node_fields, num_heads, threshold_px, is_complete)
            if num_heads
            else None
        )
        self.fusion = OrientationUNet(
            regular(space, 2 * num_node_fields),
            direction_type(group_order, num_directions),
            fusion_fields,
            is_stem_pooled,
        )

    def forward(self, x: torch.Tensor, masks: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return values of pushes, shape (B, n, H, W).

        Args:
            x: Scaled heights and target mask, shape (B, 2, H, W).
            masks: Of each scene its objects' masks, the target's first, shape (N, H, W), bool.
        """
        features = torch.relu(self.narrow(self.local.map(x)))
        painted = torch.zeros_like(features)
        if self.attention is not None:
            painted = torch.stack(
                [self._paint(f, m) for f, m in zip(features, masks, strict=True)]
            )
        return self.fusion(join(features, painted, self._group_order))  # type: ignore[no-any-return]

    def _paint(self, features: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Return what each object's pixels get of its node, 0 elsewhere, shape (C, H, W)."""
        sizes = masks.flatten(1).sum(1)
        is_node = sizes >= _MIN_MASK_PX
        if not bool(is_node[0]):  # the target is hidden: nobody to look from
            return torch.zeros_like(features)
        shapes = masks[is_node].to(features.dtype)
        sizes = sizes[is_node].to(features.dtype)
        nodes = torch.einsum("nhw,chw->nc", shapes, features) / sizes[:, None]
        assert self.attention is not None
        return torch.einsum("nc,nhw->chw", self.attention(nodes, _middles(shapes)), shapes)


def _middles(masks: torch.Tensor) -> torch.Tensor:
    """Return the mean row and column of masks (N, H, W), shape (N, 2) [px]."""
    sizes = masks.flatten(1).sum(1)
    rows = torch.arange(masks.shape[1], dtype=masks.dtype, device=masks.device)
    cols = torch.arange(masks.shape[2], dtype=masks.dtype, device=masks.device)
    row = torch.einsum("nhw,h->n", masks, rows) / sizes
    col = torch.einsum("nhw,w->n", masks, cols) / sizes
    return torch.stack([row, col], 1)
