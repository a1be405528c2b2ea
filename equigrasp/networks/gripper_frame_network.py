"""A Q-network that encodes what the gripper sees once, and many actions cheaply after that."""

from typing import Literal

import torch

from equigrasp.networks.plain_blocks import fill_weights_in_place

Merge = Literal["late", "middle"]
_NUM_TRUNK = 3  # convolutions before an action that enters in the middle


class GripperFrameNetwork(torch.nn.Module):
    """Five convolutions, a vector, and an ensemble of heads; normalised by layer.

    Args:
        image_px: Side of the image, a multiple of 8.
        in_channels: Of the image.
        num_status: Numbers that tell the gripper's state.
        num_action: Numbers that tell an action.
        width: Channels of the first two convolutions; the others have twice as many.
        hidden: Length of the vector, and of the heads' layers.
        num_heads: Of the ensemble; they share the encoder.
        merge: Where the action enters: `late`: in the heads; `middle`: it is added to the map after three
            convolutions, so that the others are worked out for each action.
    """

    def __init__(
        self,
        image_px: int,
        in_channels: int,
        num_status: int,
        num_action: int,
        width: int = 32,
        hidden: int = 256,
        num_heads: int = 2,
        merge: Merge = "late",
    ) -> None:
        super().__init__()
        self._is_late = merge == "late"
        channels = in_channels, width, width, 2 * width, 2 * width, 2 * width
        convolutions = [
            torch.nn.Conv2d(channels[0], channels[1], 5, stride=2, padding=2),
            torch.nn.Conv2d(channels[1], channels[2], 3, padding=1),
            torch.nn.Conv2d(channels[2], channels[3], 3, stride=2, padding=1),
            torch.nn.Conv2d(channels[3], channels[4], 3, padding=1),
            torch.nn.Conv2d(channels[4], channels[5], 3, stride=2, padding=1),
        ]
        layers = [torch.nn.Sequential(conv, torch.nn.ReLU()) for conv in convolutions]
        self.trunk = torch.nn.Sequential(*layers[:_NUM_TRUNK])
        self.rest = torch.nn.Sequential(*layers[_NUM_TRUNK:])
        self.vector = torch.nn.Sequential(
            torch.nn.Flatten(),
            torch.nn.Linear(2 * width * (image_px // 8) ** 2, hidden),
            torch.nn.LayerNorm(hidden),
            torch.nn.Tanh(),
        )
        self.action = None if self._is_late else torch.nn.Linear(num_action, 2 * width)
        fill_weights_in_place(self, torch.nn.init.kaiming_normal_)
        self.heads = Heads(
            hidden + num_status, num_action if self._is_late else 0, hidden, num_heads
        )

    def encode(
        self, images: torch.Tensor, status: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what does not depend on the action: a vector or a map, and the gripper's state.

        Args:
            images: Shape (B, C, S, S).
            status: Shape (B, num_status).
        """
        x = self.trunk(images)  # (B, 2 W, S / 4, S / 4)
        return (self.vector(self.rest(x)) if self._is_late else x), status

    def logits(
        self, features: tuple[torch.Tensor, torch.Tensor], actions: torch.Tensor
    ) -> torch.Tensor:
        """Return logits of success of actions (B, N, num_action), shape (B, N, heads)."""
        x, status = features
        if self.action is None:
            return self.heads(torch.cat([x, status], 1), actions)  # type: ignore[no-any-return]
        size, count = actions.shape[:2]
        merged = x[:, None] + self.action(actions)[..., None, None]  # (B, N, 2 W, h, h)
        vectors = self.vector(self.rest(torch.relu(merged.flatten(0, 1))))
        told = torch.cat([vectors, status.repeat_interleave(count, 0)], 1)
        return self.heads(told, None).reshape(size, count, -1)  # type: ignore[no-any-return]

    def forward(
        self, images: torch.Tensor, status: torch.Tensor, actions: torch.Tensor
    ) -> torch.Tensor:
        """Return logits of actions (B, N, num_action), shape (B, N, heads); see `encode`."""
        return self.logits(self.encode(images, status), actions)


class Heads(torch.nn.Module):
    """Perceptrons of two hidden layers, side by side; what an action adds to the first layer is linear.

    Args:
        num_features: Numbers that tell a state.
        num_action: Numbers that tell an action; 0: the features tell it.
        hidden: Units of a layer.
        num_heads: How many.
    """

    def __init__(self, num_features: int, num_action: int, hidden: int, num_heads: int) -> None:
        super().__init__()

        def weight(inputs: int, outputs: int, fan_in: int) -> torch.nn.Parameter:
            scale = (2.0 / fan_in) ** 0.5
            return torch.nn.Parameter(scale * torch.randn(num_heads, inputs, outputs))

        def norm() -> torch.nn.Parameter:
            return torch.nn.Parameter(
                torch.stack([torch.ones(num_heads, 1, hidden), torch.zeros(num_heads, 1, hidden)])
            )

        fan_in = num_features + num_action
        self.of_features = weight(num_features, hidden, fan_in)
        self.of_action = weight(num_action, hidden, fan_in) if num_action else None
        self.second = weight(hidden, hidden, hidden)
        self.output = weight(hidden, 1, 100 * hidden)  # first values near a half
        self.bias = torch.nn.Parameter(torch.zeros(num_heads, 1, 1))
        self.norm1, self.norm2 = norm(), norm()

    def forward(self, features: torch.Tensor, actions: torch.Tensor | None) -> torch.Tensor:
        """Return logits, shape (B, N, heads), or (B, heads) without actions.

        Args:
            features: Shape (B, num_features).
            actions: Shape (B, N, num_action); None: the features tell them.
        """
        x = features @ self.of_features  # (heads, B, hidden)
        if actions is not None and self.of_action is not None:
            size, count, length = actions.shape
            added = actions.reshape(1, size * count, length) @ self.of_action
            x = (x[:, :, None] + added.unflatten(1, (size, count))).flatten(1, 2)
        x = torch.relu(_normalised(x, self.norm1))
        x = torch.relu(_normalised(x @ self.second, self.norm2))
        logits = (x @ self.output + self.bias)[..., 0].T  # (B N, heads)
        return logits if actions is None else logits.unflatten(0, actions.shape[:2])


def _normalised(x: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
    """Return x (heads, B, hidden) with mean 0 and deviation 1 in each row, then scaled and shifted."""
    scale, offset = norm
    return torch.nn.functional.layer_norm(x, x.shape[-1:]) * scale + offset
