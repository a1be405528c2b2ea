"""Each source of masks sees what it should."""

from types import SimpleNamespace

import numpy as np
import pytest

from equigrasp.errors import ConfigError
from equigrasp.experiments.push_grasp.mask_source import Masks, make_follower
from equigrasp.geometry.workspace import Workspace
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.observation import HEIGHTMAP, LABELS, TARGET, Observation

TABLE = Workspace("table", 0.45, -0.1, heightmap_size_px=160, action_size_px=128)


def _scene() -> Observation:
    labels = np.zeros((160, 160), np.uint8)
    labels[40:60, 40:60], labels[100:120, 90:120] = 3, 5
    return Observation({HEIGHTMAP: (labels > 0) * np.float32(0.04), LABELS: labels}, TABLE)


@pytest.mark.parametrize(("masks", "is_known"), [("noisy", True), ("depth", False)])
def test_a_target_is_pointed_at_and_followed(masks: Masks, is_known: bool) -> None:
    follower = make_follower(masks, object(), TABLE, np.random.default_rng(0))  # type: ignore[arg-type]
    assert follower is not None
    for seen in (follower.begin(_scene(), 5), follower.follow(_scene(), None)):
        assert seen is not None
        target = seen.goal[TARGET]
        assert target[110, 105] and not target[:98].any()
        # Noise keeps the truth's numbers; by heights they are counted from 1.
        assert (seen.arrays[LABELS][110, 105] == 5) is np.bool_(is_known)
    assert (follower.num_looks, follower.num_differing) == (1, 0)


def test_the_truth_needs_no_follower_and_learned_masks_a_segmenter() -> None:
    rng = np.random.default_rng(0)
    assert make_follower("truth", object(), TABLE, rng) is None  # type: ignore[arg-type]
    policy = SimpleNamespace(segmenter=DepthSegmenter(min_px=500))  # sees the larger one alone
    follower = make_follower("learned", policy, TABLE, rng)  # type: ignore[arg-type]
    assert follower is not None
    assert follower.begin(_scene(), 5) is not None and follower.begin(_scene(), 3) is None
    with pytest.raises(ConfigError, match="'learned' need a method with a segmenter"):
        make_follower("learned", object(), TABLE, rng)  # type: ignore[arg-type]
