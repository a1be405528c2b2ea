"""A steerable convolution on plain tensors: filters shared by calls, arithmetic saved where it pays."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import torch
from torch.nn.functional import conv2d

from equigrasp.networks.escnn_modules import enn
from equigrasp.networks.irrep_basis import IrrepBasis, irrep_basis
from equigrasp.networks.irrep_convolution import irrep_convolution

# Input fields x output channels x kernel size from which the form by irreps was faster, measured
# on AVX-512 cores, forward and backward.
_MIN_IRREP_SIZE = 8_000

Filters = torch.Tensor | tuple[torch.Tensor, ...]  # plain, (out, in, k, k), or by irreps


class SteerableConvolution(enn.R2Conv):  # type: ignore[misc]
    """`escnn.nn.R2Conv` with channels ordered by [component, field].

    escnn orders them by [field, component]. Parameters are escnn's, in escnn's order. In
    evaluation mode filters are expanded once, as escnn does; see also `sharing_filters`.

    To PyTorch it has no modules within: whoever lists a network's modules puts them into a set, and
    to hash and compare escnn's bases took a quarter of a compact SGD step.
    """

    training: bool
    _is_sharing = False
    _shared: tuple[Filters, torch.Tensor] | None = None
    _kept: tuple[Filters, torch.Tensor]  # filters and bias, while weights are evaluated

    def expand_parameters(self) -> tuple[Filters, torch.Tensor]:
        """Return filters and bias in this class's order of channels.

        Both are what `irrep_convolution` takes, or plain filters, (out, in, k, k).
        """
        if not self._is_sharing:
            return self._expand()
        if self._shared is None:
            with torch.enable_grad():
                self._shared = self._expand()
        return self._shared

    def named_modules(
        self,
        memo: set[torch.nn.Module] | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, torch.nn.Module]]:
        """Yield this layer, without escnn's modules, which hold no parameters."""
        if memo is not None and remove_duplicate:
            if self in memo:
                return
            memo.add(self)
        yield prefix, self

    def train(self, mode: bool = True) -> "SteerableConvolution":
        """Choose the mode; evaluation begins by expanding the filters of the present weights."""
        if self.training and not mode:
            with torch.no_grad():
                self._kept = self.expand_parameters()
        self.training = mode
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) of `in_type` to `out_type`."""
        return self.apply_joint(x, join_filters(self))[0]

    def apply_joint(self, x: torch.Tensor, joint: "JointFilters") -> tuple[torch.Tensor, ...]:
        """Map (B, C, H, W) by each of the layers whose filters were joined to this one's."""
        filters, bias, sizes = joint
        if isinstance(filters, tuple):
            return irrep_convolution(x, filters, bias, self._basis(), sizes)
        y = conv2d(x, filters, bias, padding=self.padding)
        return (y,) if len(sizes) == 1 else y.split(sizes, 1)

    def _expand(self) -> tuple[Filters, torch.Tensor]:
        order_in, order_out = self._orders
        bias = (self.bias_expansion @ self.bias)[order_out.to(self.bias.device)]
        if self._is_by_irreps:
            num_in, num_out = len(self.in_type), len(self.out_type)
            return self._basis().matrices(self.weights, num_in, num_out), bias[:num_out]
        filters = super().expand_parameters()[0][order_out][:, order_in]
        return filters.contiguous(memory_format=torch.channels_last), bias

    @cached_property
    def _orders(self) -> tuple[torch.Tensor, torch.Tensor]:
        return _channel_order(self.in_type), _channel_order(self.out_type)

    @property
    def _is_by_irreps(self) -> bool:
        return self._is_large and self.weights.device.type == "cpu"

    @cached_property
    def _is_large(self) -> bool:
        """The form by irreps pays on a CPU: large layers between regular fields."""
        size = len(self.in_type) * self.out_type.size * self.kernel_size
        regular = self.in_type.gspace.regular_repr
        return bool(
            self.in_type.representations[0] == regular
            and self.out_type.representations[0] == regular
            and 2 * self.padding + 1 == self.kernel_size
            and size >= _MIN_IRREP_SIZE
        )

    def _basis(self) -> IrrepBasis:
        return irrep_basis(self.in_type.gspace, self.kernel_size)


JointFilters = tuple[Filters, torch.Tensor, tuple[int, ...]]  # filters, bias, sizes


def join_filters(*layers: SteerableConvolution) -> JointFilters:
    """Return the filters of layers of one input type and kernel size, side by side.

    With these `apply_joint` of any of them reads the input once for all.
    """
    expanded = [layer.expand_parameters() if layer.training else layer._kept for layer in layers]
    filters, biases = zip(*expanded, strict=True)
    sizes = tuple(len(bias) for bias in biases)
    if len(layers) == 1:
        return filters[0], biases[0], sizes
    if isinstance(filters[0], tuple):
        joined: Filters = tuple(torch.cat(block, 1) for block in zip(*filters, strict=True))
    else:
        joined = torch.cat(filters)
    return joined, torch.cat(biases), sizes


@contextmanager
def sharing_filters(*modules: torch.nn.Module) -> Iterator[None]:
    """Expand the filters of modules once for all calls within, with gradient.

    Weights must not change within, and one backward pass goes through all calls.
    """
    layers = [m for n in modules for m in n.modules() if isinstance(m, SteerableConvolution)]
    for layer in layers:
        layer._is_sharing = True
    try:
        yield
    finally:
        for layer in layers:
            layer._is_sharing, layer._shared = False, None


def _channel_order(fields: "enn.FieldType") -> torch.Tensor:
    channels, regular = torch.arange(fields.size), fields.gspace.regular_repr
    if fields.representations[0] != regular:
        return channels
    return channels.view(-1, regular.size).T.reshape(-1)
