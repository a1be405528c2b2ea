"""The gripper's own symmetry: two mirrors, across and along its opening, and both together, half a turn."""

import torch

# Which axes are mirrored: rows (x, along the opening), columns (y).
IMAGES = ((False, False), (True, False), (False, True), (True, True))


def mirrored_images(images: torch.Tensor, mirrors: torch.Tensor) -> torch.Tensor:
    """Return images (B, C, S, S), each mirrored along the axes that `mirrors` (B, 2), bool, names."""
    for axis in (0, 1):
        chosen = mirrors[:, axis, None, None, None]
        images = torch.where(chosen, images.flip(2 + axis), images)
    return images


def motion_signs(mirrors: torch.Tensor) -> torch.Tensor:
    """Return what dx, dy, dz, dpsi are multiplied by, shape (B, 4), for mirrors (B, 2), bool.

    A mirror turns one axis round and the sense of turning with it.
    """
    x, y = (1.0 - 2.0 * mirrors.float()).unbind(1)
    return torch.stack([x, y, torch.ones_like(x), x * y], 1)


def mirrored_bounds(
    low: torch.Tensor, high: torch.Tensor, signs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return smallest and largest motion (B, 4) after a mirror; see `motion_signs`."""
    first, second = low * signs, high * signs
    return torch.minimum(first, second), torch.maximum(first, second)
