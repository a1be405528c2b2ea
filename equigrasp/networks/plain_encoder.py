"""Networks without symmetry from a heightmap patch to a value for each yaw."""

import torch

from equigrasp.errors import ConfigError
from equigrasp.networks.plain_blocks import PlainResidualBlock, fill_weights_in_place

_PATCH_SIZE_PX = 32


class _PatchNetwork(torch.nn.Module):
    """Layers from a patch to the logits of all yaws."""

    def __init__(
        self, layers: list[torch.nn.Module], num_rotations: int, input_scale: float
    ) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(*layers)
        self.num_rotations = num_rotations
        self.input_scale = input_scale

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        """Return the logits of each yaw.

        Args:
            patch: Shape (B, 1, 32, 32) [m].

        Returns:
            Shape (B, `num_logits`, n).
        """
        logits = self.layers(patch * self.input_scale)
        return logits.reshape(len(patch), -1, self.num_rotations)  # type: ignore[no-any-return]


class PlainEncoder(_PatchNetwork):
    """The layers of `EquivariantEncoder` with one channel for each of its fields.

    Args:
        channels: Channels of the four stages.
        kernel_sizes: Kernel sizes of the three residual blocks.
        num_rotations: n.
        is_stem_pooled: Pool after the first layer too (compact size).
        input_scale: Heights are multiplied by it [1/m].
        num_logits: Outputs a yaw.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        kernel_sizes: tuple[int, int, int],
        num_rotations: int,
        is_stem_pooled: bool = False,
        input_scale: float = 1.0,
        num_logits: int = 2,
    ) -> None:
        layers: list[torch.nn.Module] = [
            torch.nn.Conv2d(1, channels[0], 7, padding=3),
            torch.nn.ReLU(),
        ]
        if is_stem_pooled:
            layers.append(torch.nn.MaxPool2d(2))
        for i, size in enumerate(kernel_sizes):
            layers.append(PlainResidualBlock(channels[i], channels[i + 1], size, size, True))
            if i < 2 or not is_stem_pooled:  # 4 x 4 features remain
                layers.append(torch.nn.MaxPool2d(2))
        layers.append(torch.nn.Conv2d(channels[3], num_logits * num_rotations, 4))
        super().__init__(layers, num_rotations, input_scale)
        fill_weights_in_place(self, torch.nn.init.kaiming_normal_)


class DenseEncoder(_PatchNetwork):
    """q2 of the published baselines: three convolutions without padding, two dense layers.

    Args:
        channels: Channels of the three convolutions and of the hidden dense layer.
        kernel_sizes: Kernel sizes of the convolutions.
        num_rotations: n.
        is_stem_pooled: Pool after the first convolution, not only after the second.
        input_scale: Heights are multiplied by it [1/m].
        num_logits: Outputs a yaw.

    Raises:
        ConfigError: if the kernels leave nothing of a patch.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        kernel_sizes: tuple[int, int, int],
        num_rotations: int,
        is_stem_pooled: bool = False,
        input_scale: float = 1.0,
        num_logits: int = 2,
    ) -> None:
        layers: list[torch.nn.Module] = []
        side = _PATCH_SIZE_PX
        has_pool = (is_stem_pooled, True, False)
        for before, after, size, pools in zip(
            (1, *channels[:2]), channels[:3], kernel_sizes, has_pool, strict=True
        ):
            layers += [torch.nn.Conv2d(before, after, size), torch.nn.ReLU()]
            side -= size - 1
            if pools:
                layers.append(torch.nn.MaxPool2d(2))
                side //= 2
        if side < 1:
            raise ConfigError(
                f"kernel_sizes {kernel_sizes} leave nothing of a patch of {_PATCH_SIZE_PX} px; "
                "choose smaller ones."
            )
        layers += [
            torch.nn.Flatten(),
            torch.nn.Linear(channels[2] * side * side, channels[3]),
            torch.nn.ReLU(),
            torch.nn.Linear(channels[3], num_logits * num_rotations),
        ]
        super().__init__(layers, num_rotations, input_scale)
        fill_weights_in_place(self, torch.nn.init.xavier_normal_)
