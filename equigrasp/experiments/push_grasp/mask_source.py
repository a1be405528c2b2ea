"""Where the masks come from that a policy acts on in an evaluation."""

from typing import Any, Literal

import numpy as np

from equigrasp.environments.target_follower import TargetFollower
from equigrasp.errors import ConfigError
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.interfaces import Policy
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.mask_noise import NoisyTruth
from equigrasp.perception.segmentation import Segmenter
from equigrasp.perception.target_tracker import TargetTracker

Masks = Literal["truth", "noisy", "depth", "learned"]


def make_follower(
    masks: Masks, policy: Policy[Any], workspace: Workspace, rng: np.random.Generator
) -> TargetFollower | None:
    """Return what sees a target and follows it from look to look; None: the truth does.

    Args:
        masks: `truth`: the simulator's; `noisy`: these with noise; `depth`: by heights alone; `learned`:
            the policy's own segmenter.
        policy: Acts on them.
        workspace: What is looked at.
        rng: Of the noise.

    Raises:
        ConfigError: if the policy has no segmenter of its own.
    """
    if masks == "truth":
        return None
    segmenter: Segmenter = DepthSegmenter()
    if masks == "noisy":
        segmenter = NoisyTruth(rng)
    if masks == "learned":
        segmenter = getattr(policy, "segmenter", None)  # type: ignore[assignment]
        if segmenter is None:
            raise ConfigError(
                "Masks 'learned' need a method with a segmenter, as push_grasp; others are truth, "
                "noisy and depth."
            )
    return TargetFollower(segmenter, TargetTracker(workspace))
