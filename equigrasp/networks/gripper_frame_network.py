"""A Q-network that encodes what the gripper sees once, and many actions cheaply after that."""

from typing import Literal

import torch

from equigrasp.networks.plain_blocks import fill_weights_in_place

Merge = Literal["late", "middle"]
_OUTPUT_SCALE = 0.1  # of the first weights of the last layer: first values lie near a half
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
        num_late = num_action if self._is_late else 0
        self.heads = torch.nn.ModuleList(
            Head(hidden + num_status, num_late, hidden) for _ in range(num_heads)
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
            told = torch.cat([x, status], 1)
            return torch.stack([head(told, actions) for head in self.heads], -1)
        size, count = actions.shape[:2]
        merged = x[:, None] + self.action(actions)[..., None, None]  # (B, N, 2 W, h, h)
        vectors = self.vector(self.rest(torch.relu(merged.flatten(0, 1))))
        told = torch.cat([vectors, status.repeat_interleave(count, 0)], 1)
        logits = torch.stack([head(told, None) for head in self.heads], -1)
        return logits.unflatten(0, (size, count))

    def forward(
        self, images: torch.Tensor, status: torch.Tensor, actions: torch.Tensor
    ) -> torch.Tensor:
        """Return logits of actions (B, N, num_action), shape (B, N, heads); see `encode`."""
        return self.logits(self.encode(images, status), actions)


class Head(torch.nn.Module):
    """A perceptron of two hidden layers; what an action adds to the first is linear.

    Args:
        num_features: Numbers that tell a state.
        num_action: Numbers that tell an action; 0: the features tell it.
        hidden: Units of a layer.
    """

    def __init__(self, num_features: int, num_action: int, hidden: int) -> None:
        super().__init__()
        self.of_features = torch.nn.Linear(num_features, hidden)
        self.of_action = torch.nn.Linear(num_action, hidden, bias=False) if num_action else None
        self.norm1, self.norm2 = torch.nn.LayerNorm(hidden), torch.nn.LayerNorm(hidden)
        self.second = torch.nn.Linear(hidden, hidden)
        self.output = torch.nn.Linear(hidden, 1)
        fill_weights_in_place(self, torch.nn.init.kaiming_normal_)
        with torch.no_grad():
            self.output.weight.mul_(_OUTPUT_SCALE)

    def forward(self, features: torch.Tensor, actions: torch.Tensor | None) -> torch.Tensor:
        """Return logits, shape (B, N), or (B,) without actions.

        Args:
            features: Shape (B, num_features).
            actions: Shape (B, N, num_action); None: the features tell them.
        """
        x = self.of_features(features)  # (B, hidden)
        if actions is not None and self.of_action is not None:
            x = self.of_action(actions) + x[:, None]  # (B, N, hidden)
        x = self.second(self.norm1(x).relu_())
        return self.output(self.norm2(x).relu_())[..., 0]  # type: ignore[no-any-return]
