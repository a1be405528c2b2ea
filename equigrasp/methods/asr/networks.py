"""q1 and q2 of one configuration, and the patches that q2 sees."""

from collections.abc import Callable
from functools import partial

import torch

from equigrasp.methods.asr.config import AsrConfig
from equigrasp.networks.equivariant_encoder import EquivariantEncoder
from equigrasp.networks.equivariant_unet import EquivariantUNet
from equigrasp.networks.plain_encoder import DenseEncoder, PlainEncoder
from equigrasp.networks.plain_unet import PlainUNet
from equigrasp.seeding import Stream, derive_seed

PATCH_SIZE_PX = EquivariantEncoder.patch_size_px
_CENTRE_PX = 8  # side of the patch centre that the height reference is taken from
_FINGER_DEPTH = 0.04  # [m]
_MIN_HEIGHT = 0.01  # [m]
_KINDS: dict[str, tuple[Callable[..., torch.nn.Module], Callable[..., torch.nn.Module]]] = {
    "equivariant": (EquivariantUNet, EquivariantEncoder),
    "conventional": (partial(PlainUNet, is_copy=True), PlainEncoder),
    "residual": (PlainUNet, DenseEncoder),
}


def make_networks(config: AsrConfig, seed: int) -> dict[str, torch.nn.Module]:
    """Build `q1` and `q2` with weights that depend on the seed alone."""
    network = config.network
    unet, encoder = _KINDS[network.kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, Stream.NETWORKS))
        q1 = unet(
            network.q1_fields, network.is_stem_pooled, network.input_scale, network.num_logits
        )
        q2 = encoder(
            network.q2_fields,
            network.q2_kernel_sizes,
            network.num_rotations,
            network.is_stem_pooled,
            network.input_scale,
            network.num_logits,
        )
    return {"q1": q1, "q2": q2}


def extract_patches(
    heightmaps: torch.Tensor,
    rows: torch.Tensor,
    cols: torch.Tensor,
    is_relative: bool = True,
) -> torch.Tensor:
    """Cut out what q2 sees: patches centred on pixels, less a reference height each.

    The reference is taken sample by sample (the published code took it from the whole batch).

    Args:
        heightmaps: Shape (B, 1, S, S) [m].
        rows: Shape (B, K), int64.
        cols: Shape (B, K), int64.
        is_relative: Take the reference height off.

    Returns:
        Shape (B * K, 1, 32, 32) [m]; pixels beyond the map repeat its border.
    """
    size = heightmaps.shape[-1]
    # 33 cells about the pixel, averaged two by two, are 32 that lie the same way about it after any
    # quarter turn; a plain crop of 32 is off centre, and turning the scene would change it.
    offsets = torch.arange(PATCH_SIZE_PX + 1, device=rows.device) - PATCH_SIZE_PX // 2
    patch_rows = (rows[..., None] + offsets).clamp(0, size - 1)  # (B, K, 33)
    patch_cols = (cols[..., None] + offsets).clamp(0, size - 1)
    batch = torch.arange(len(heightmaps))[:, None, None, None]
    patches = heightmaps[batch, 0, patch_rows[..., :, None], patch_cols[..., None, :]]
    patches = patches.reshape(-1, 1, PATCH_SIZE_PX + 1, PATCH_SIZE_PX + 1)
    patches = torch.nn.functional.avg_pool2d(patches, 2, stride=1)  # (B * K, 1, 32, 32)
    if not is_relative:
        return patches
    low = (PATCH_SIZE_PX - _CENTRE_PX) // 2
    centre = patches[:, :, low : low + _CENTRE_PX, low : low + _CENTRE_PX].flatten(1)
    reference = torch.maximum(
        centre.amax(1) - _FINGER_DEPTH, (centre.amin(1) + _MIN_HEIGHT).clamp(min=_MIN_HEIGHT)
    )
    return patches - reference[:, None, None, None]
