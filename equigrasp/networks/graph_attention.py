"""Attention between a target and the objects near it, equivariant under Cn."""

import math

import torch

from equigrasp.networks.escnn_modules import gspaces
from equigrasp.networks.steerable_blocks import convolution, regular

_EDGE_FIELDS = 3  # relative place, two numbers, and distance


class StarAttention(torch.nn.Module):
    """One layer of graph attention over a star: the target looks at its neighbours, and they at it.

    A node's feature is F regular fields: F functions on the group. Queries, keys and values are maps
    between regular fields; a product of two such features, summed over the group, does not change when
    both turn, since the regular representation is orthogonal. So attention weights are invariant and
    what they mix turns with the scene. Heads share out fields, never components.

    Relative places enter as the same place seen from each of the group's n frames, which is a regular
    field too.

    Args:
        space: Of the group Cn.
        num_fields: F, a multiple of `num_heads`.
        num_heads: Of the attention.
        threshold: Objects farther from the target than this are not connected to it; any unit.
        is_complete: All that are so near to one another are connected, not only to the target.
    """

    _frames: torch.Tensor

    def __init__(
        self,
        space: "gspaces.GSpace",
        num_fields: int,
        num_heads: int,
        threshold: float,
        is_complete: bool = False,
    ) -> None:
        super().__init__()
        if num_fields % num_heads:
            raise ValueError(f"{num_fields} fields cannot be shared out to {num_heads} heads.")
        self._num_heads, self._threshold = num_heads, threshold
        self._is_complete = is_complete
        self._order = int(space.regular_repr.size)
        fields = regular(space, num_fields)
        edges = regular(space, _EDGE_FIELDS)
        self.query, self.key, self.value, self.out = (
            convolution(fields, fields, 1, 0) for _ in range(4)
        )
        self.edge_key, self.edge_value = (convolution(edges, fields, 1, 0) for _ in range(2))
        angles = torch.arange(self._order) * (2.0 * math.pi / self._order)
        cos, sin = torch.cos(angles), torch.sin(angles)
        frames = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)
        self.register_buffer("_frames", frames, persistent=False)  # (n, 2, 2): from base to frame

    def forward(self, nodes: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return the nodes' new features.

        Args:
            nodes: Shape (N, n F), channels ordered by [component, field]; the target first.
            places: Row and column of each, shape (N, 2), in the unit of the threshold.
        """
        count = len(nodes)
        ways = places[None] - places[:, None]  # (N, N, 2): from node i to node j
        is_near = ways.norm(dim=2) <= self._threshold
        is_joined = torch.eye(count, dtype=torch.bool, device=nodes.device)
        is_joined[0] |= is_near[0]
        is_joined[:, 0] |= is_near[0]
        if self._is_complete:
            is_joined = is_near
        edges = self._edges(ways)
        query = self._by_head(self._map(self.query, nodes))  # (N, heads, d)
        key = self._by_head(self._map(self.key, nodes))[None] + self._by_head(
            self._map(self.edge_key, edges)
        ).unflatten(0, (count, count))
        value = self._by_head(self._map(self.value, nodes))[None] + self._by_head(
            self._map(self.edge_value, edges)
        ).unflatten(0, (count, count))  # (N, N, heads, d)
        logits = torch.einsum("ihd,ijhd->ijh", query, key) / math.sqrt(query.shape[-1])
        logits = logits.masked_fill(~is_joined[..., None], -torch.inf)
        mixed = torch.einsum("ijh,ijhd->ihd", torch.softmax(logits, 1), value)
        return nodes + self._map(self.out, self._from_heads(mixed))

    def _edges(self, ways: torch.Tensor) -> torch.Tensor:
        """Return the edges' features, (N N, n 3): each way as every frame sees it, and its length."""
        scaled = ways.flatten(0, 1) / self._threshold
        seen = torch.einsum("gab,eb->ega", self._frames, scaled)  # (E, n, 2)
        length = scaled.norm(dim=1)[:, None, None].expand(-1, self._order, 1)
        return torch.cat([seen, length], 2).flatten(1)

    def _map(self, layer: torch.nn.Module, features: torch.Tensor) -> torch.Tensor:
        return layer(features[:, :, None, None])[:, :, 0, 0]  # type: ignore[no-any-return]

    def _by_head(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, heads, n F / heads) of (N, n F)."""
        parts = features.unflatten(1, (self._order, self._num_heads, -1))
        return parts.transpose(1, 2).flatten(2)

    def _from_heads(self, features: torch.Tensor) -> torch.Tensor:
        parts = features.unflatten(2, (self._order, -1))  # (N, heads, n, F / heads)
        return parts.transpose(1, 2).flatten(1)
