"""The published networks, written straightforwardly with escnn: what we are measured against.

Every filter is expanded at every call, tensors lie as escnn lays them, and every pixel of every
layer is computed. Parameters come in the order of `equigrasp.networks`,
so that both can hold the same weights.
"""

import torch

from equigrasp.methods.asr.config import NetworkConfig
from equigrasp.networks.escnn_modules import enn, gspaces


class _Residual(torch.nn.Module):
    def __init__(self, in_type: "enn.FieldType", out_type: "enn.FieldType", size: int) -> None:
        super().__init__()
        self.first = _conv(in_type, out_type, size, size // 2)
        self.second = _conv(out_type, out_type, size, size // 2)
        self.skip = None if in_type == out_type else _conv(in_type, out_type, size, size // 2)
        self.relu = enn.ReLU(out_type)

    def forward(self, x: "enn.GeometricTensor") -> "enn.GeometricTensor":
        skip = x if self.skip is None else self.skip(x)
        return self.relu(self.second(self.relu(self.first(x))) + skip)


class ReferenceUNet(torch.nn.Module):
    """q1: a U-Net over D4."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.scale, self.is_stem_pooled = config.input_scale, config.is_stem_pooled
        space = gspaces.flipRot2dOnR2(4)
        types = [enn.FieldType(space, [space.regular_repr] * n) for n in config.q1_fields]
        self.input_type, hidden, output = (
            enn.FieldType(space, [space.trivial_repr] * n) for n in (1, 16, config.num_logits)
        )
        self.stem = _conv(self.input_type, types[0], 3, 1)
        self.stem_relu = enn.ReLU(types[0])
        full = None if self.is_stem_pooled else _Residual(types[0], types[0], 3)
        self.full_resolution = full
        self.pools = torch.nn.ModuleList(enn.PointwiseMaxPool2D(t, 2) for t in types[:-1])
        self.down = torch.nn.ModuleList(
            _Residual(a, b, 3) for a, b in zip(types[:-1], types[1:], strict=True)
        )
        self.upsamplings, self.up = torch.nn.ModuleList(), torch.nn.ModuleList()
        below = types[-1]
        for i in range(len(types) - 2, -1, -1):
            self.upsamplings.append(enn.R2Upsampling(below, 2, align_corners=False))
            below = below + types[i]
            if i > 0 or not self.is_stem_pooled:
                self.up.append(_Residual(below, types[max(i - 1, 0)], 3))
                below = types[max(i - 1, 0)]
        self.head = _conv(below, hidden, 3, 1)
        self.head_relu = enn.ReLU(hidden)
        self.output = _conv(hidden, output, 1, 0)

    def forward(self, heightmap: torch.Tensor) -> torch.Tensor:
        """Return logits, (B, `num_logits`, H, W), of heightmaps (B, 1, H, W) [m]."""
        x = enn.GeometricTensor(heightmap * self.scale, self.input_type)
        x = self.stem_relu(self.stem(x))
        if self.full_resolution is not None:
            x = self.full_resolution(x)
        skips = []
        for pool, block in zip(self.pools, self.down, strict=True):
            skips.append(x)
            x = block(pool(x))
        for i, upsampling in enumerate(self.upsamplings):
            x = enn.tensor_directsum([upsampling(x), skips.pop()])
            if i < len(self.up):
                x = self.up[i](x)
        return self.output(self.head_relu(self.head(x))).tensor  # type: ignore[no-any-return]


class ReferenceEncoder(torch.nn.Module):
    """q2: an encoder over C2n with outputs in C2n/C2."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.scale, self.num_rotations = config.input_scale, config.num_rotations
        space = gspaces.rot2dOnR2(2 * config.num_rotations)
        types = [enn.FieldType(space, [space.regular_repr] * n) for n in config.q2_fields]
        self.input_type = enn.FieldType(space, [space.trivial_repr])
        output = enn.FieldType(space, [space.quotient_repr(2)] * config.num_logits)
        self.stem = _conv(self.input_type, types[0], 7, 3)
        layers: list[torch.nn.Module] = [enn.ReLU(types[0])]
        if config.is_stem_pooled:
            layers.append(enn.PointwiseMaxPool2D(types[0], 2))
        for i, size in enumerate(config.q2_kernel_sizes):
            layers.append(_Residual(types[i], types[i + 1], size))
            if i < 2 or not config.is_stem_pooled:
                layers.append(enn.PointwiseMaxPool2D(types[i + 1], 2))
        self.layers = torch.nn.Sequential(*layers)
        self.output = _conv(types[-1], output, 4, 0)

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        """Return logits, (B, `num_logits`, n), of patches (B, 1, 32, 32) [m]."""
        x = enn.GeometricTensor(patch * self.scale, self.input_type)
        x = self.output(self.layers(self.stem(x)))
        return x.tensor.reshape(len(patch), -1, self.num_rotations)  # type: ignore[no-any-return]


def make_reference_networks(
    config: NetworkConfig, weights: dict[str, torch.nn.Module]
) -> dict[str, torch.nn.Module]:
    """Return `q1` and `q2` with copies of the weights of our networks."""
    modules = {"q1": ReferenceUNet(config), "q2": ReferenceEncoder(config)}
    with torch.no_grad():
        for name, module in modules.items():
            pairs = zip(module.parameters(), weights[name].parameters(), strict=True)
            for parameter, source in pairs:
                parameter.copy_(source)
    return modules


def _conv(
    in_type: "enn.FieldType", out_type: "enn.FieldType", size: int, padding: int
) -> "enn.R2Conv":
    return enn.R2Conv(in_type, out_type, size, padding=padding, initialize=False)
