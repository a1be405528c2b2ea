"""Measure how well a network keeps the symmetry that it declares."""

import torch


def map_equivariance_error(network: torch.nn.Module, image: torch.Tensor) -> float:
    """Return the largest difference between turning or mirroring before and after a network.

    Args:
        network: Maps (B, 1, H, W) to (B, C, H, W) of scalar fields.
        image: Shape (B, 1, H, W).
    """
    with torch.no_grad():
        straight = network(image)
        errors = []
        for k in range(4):
            turned = network(torch.rot90(image, k, (2, 3)))
            errors.append((turned - torch.rot90(straight, k, (2, 3))).abs().max())
            mirrored = network(torch.rot90(image, k, (2, 3)).flip(3))
            errors.append((mirrored - torch.rot90(straight, k, (2, 3)).flip(3)).abs().max())
    return float(torch.stack(errors).max())


def rotation_equivariance_error(network: torch.nn.Module, patch: torch.Tensor) -> float:
    """Return the largest difference between turning a patch by quarters and shifting the output.

    Args:
        network: Maps (B, 1, S, S) to (B, 2, n), n even, over yaws in [0, pi).
        patch: Shape (B, 1, S, S).
    """
    with torch.no_grad():
        straight = network(patch)
        turned = network(torch.rot90(patch, 1, (2, 3)))
    quarter = straight.shape[2] // 2
    return float((turned - straight.roll(quarter, dims=2)).abs().max())
