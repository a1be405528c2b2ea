"""The Q-network of QT-Opt (Kalashnikov et al., 2018, appendix E), at its size or smaller."""

from typing import NamedTuple

import torch
from torch.nn.functional import max_pool2d

from equigrasp.errors import ConfigError
from equigrasp.networks.batch_norm import StatisticsNorm

FIELDS = (3, 2, 1, 1, 1, 1, 1)  # translation, sine and cosine, close, open, final; closed, height
NUM_ACTION_VALUES, NUM_STATUS_VALUES = 8, 2  # the numbers of the first five fields, of the others
_INIT_DEVIATION = 0.01
_FIELD_WIDTH = 4  # of a field's linear map, in widths


class QtOptFeatures(NamedTuple):
    """What all actions in a state share."""

    maps: torch.Tensor  # (B, W, H, H), after the second pooling
    status: torch.Tensor  # (B, 2)
    goal_map: torch.Tensor | None  # (B, G, h, h)
    goal_vector: torch.Tensor | None  # (B, G)


class QtOptNetwork(torch.nn.Module):
    """Values an action in an image; the action is added to the feature map in mid-network.

    Convolutions keep the size of the map but for the first, which halves it, and those of the last stage,
    which do without padding. Statistics of a batch are running averages in evaluation mode.

    Args:
        image_px: Side of the image, even.
        width: Channels of all layers.
        pools: Sides of the three poolings; 1: none.
        num_convolutions: Before the action enters, but for the first; after it; without padding.
        momentum: Of the running statistics.
        in_channels: Of the image.
        goal_channels: Of a map that is joined to the last one, `final_px` wide; 0: none.
        goal_size: Of a vector that is joined to the last map's values; 0: none.

    Raises:
        ConfigError: if nothing of the image would be left.
    """

    def __init__(
        self,
        image_px: int = 472,
        width: int = 64,
        pools: tuple[int, int, int] = (3, 3, 2),
        num_convolutions: tuple[int, int, int] = (6, 6, 3),
        momentum: float = 3e-4,
        in_channels: int = 3,
        goal_channels: int = 0,
        goal_size: int = 0,
    ) -> None:
        super().__init__()
        self.final_px = _final_px(image_px, pools, num_convolutions[2])
        self._pools = pools
        self.conv1 = torch.nn.Conv2d(in_channels, width, 6, stride=2, padding=2)
        self.norm1 = StatisticsNorm(width, momentum, has_scale=False)
        before, after, unpadded = num_convolutions
        self.trunk = torch.nn.Sequential(*(_Block(width, 5, 2, momentum) for _ in range(before)))
        self.fields = torch.nn.ModuleList(
            torch.nn.Linear(size, _FIELD_WIDTH * width) for size in FIELDS
        )
        self.fields_norm = StatisticsNorm(_FIELD_WIDTH * width, momentum, has_scale=False)
        self.action = _Dense(_FIELD_WIDTH * width, width, momentum)
        self.merged = torch.nn.Sequential(*(_Block(width, 3, 1, momentum) for _ in range(after)))
        self.last = torch.nn.Sequential(*(_Block(width, 3, 0, momentum) for _ in range(unpadded)))
        flat = (width + goal_channels) * self.final_px**2 + goal_size
        self.fc0 = _Dense(flat, width, momentum)
        self.fc1 = _Dense(width, width, momentum)
        self.logit = torch.nn.Linear(width, 1)
        for layer in self.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                bound = 2.0 * _INIT_DEVIATION
                torch.nn.init.trunc_normal_(layer.weight, 0.0, _INIT_DEVIATION, -bound, bound)
                if layer.bias is not None:
                    torch.nn.init.zeros_(layer.bias)

    def encode(
        self,
        images: torch.Tensor,
        status: torch.Tensor,
        goal_map: torch.Tensor | None = None,
        goal_vector: torch.Tensor | None = None,
    ) -> QtOptFeatures:
        """Return what does not depend on the action.

        Args:
            images: Shape (B, C, S, S), values in [0, 1].
            status: Gripper closed, and its height above the floor, shape (B, 2).
            goal_map: Shape (B, goal_channels, final_px, final_px).
            goal_vector: Shape (B, goal_size).
        """
        x = torch.relu(self.norm1(self.conv1(images)))
        x = self.trunk(_pool(x, self._pools[0]))
        return QtOptFeatures(_pool(x, self._pools[1]), status, goal_map, goal_vector)

    def logits(self, features: QtOptFeatures, actions: torch.Tensor) -> torch.Tensor:
        """Return logits of success, shape (B, N, 1).

        Args:
            features: Of `encode`.
            actions: Translation, sine and cosine of the turn, close, open, final, shape (B, N, 8).
        """
        size, count = actions.shape[:2]
        status = features.status[:, None].expand(-1, count, -1)
        parts = torch.cat([actions, status], 2).reshape(size * count, -1).split(FIELDS, 1)
        summed = sum(field(part) for field, part in zip(self.fields, parts, strict=True))
        action = self.action(torch.relu(self.fields_norm(summed)))  # (BN, W)
        x = _tiled(features.maps, count) + action[:, :, None, None]
        x = self.last(_pool(self.merged(x), self._pools[2]))  # (BN, W, h, h)
        if features.goal_map is not None:
            x = torch.cat([x, _tiled(features.goal_map, count)], 1)
        x = x.flatten(1)
        if features.goal_vector is not None:
            x = torch.cat([x, _tiled(features.goal_vector, count)], 1)
        return self.logit(self.fc1(self.fc0(x))).reshape(size, count, 1)  # type: ignore[no-any-return]

    def forward(
        self, images: torch.Tensor, status: torch.Tensor, actions: torch.Tensor
    ) -> torch.Tensor:
        """Return logits of actions (B, N, 8), shape (B, N, 1); see `encode`."""
        return self.logits(self.encode(images, status), actions)


class _Block(torch.nn.Module):
    """Convolution, normalisation, ReLU."""

    def __init__(self, width: int, kernel_size: int, padding: int, momentum: float) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(width, width, kernel_size, padding=padding, bias=False)
        self.norm = StatisticsNorm(width, momentum)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x)))


class _Dense(torch.nn.Module):
    """Linear map, normalisation, ReLU."""

    def __init__(self, in_features: int, width: int, momentum: float) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(in_features, width, bias=False)
        self.norm = StatisticsNorm(width, momentum)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.linear(x)))


def _pool(x: torch.Tensor, side: int) -> torch.Tensor:
    """Pool by the maximum as TensorFlow's SAME does: what is missing is shared out, the odd cell last."""
    if side == 1:
        return x
    missing = -x.shape[-1] % side
    return max_pool2d(x, side, side, padding=missing // 2, ceil_mode=True)


def _tiled(x: torch.Tensor, count: int) -> torch.Tensor:
    """Return each of B `count` times in a row, shape (B * count, ...)."""
    return x if count == 1 else x.repeat_interleave(count, 0)


def _final_px(image_px: int, pools: tuple[int, int, int], num_unpadded: int) -> int:
    if image_px % 2:
        raise ConfigError(f"The side of an image must be even, found {image_px} px.")
    side = image_px // 2
    for pool in pools:
        side = -(-side // pool)
    side -= 2 * num_unpadded
    if side < 1:
        raise ConfigError(
            f"An image of {image_px} px is too small for pools {pools} and {num_unpadded} convolutions"
            " without padding: nothing is left."
        )
    return side
