"""The ramp of on-policy data."""

import numpy as np
import pytest

from equigrasp.errors import ConfigError
from equigrasp.learning.data_mix import DataMix
from equigrasp.replay.named_buffers import OFFLINE, ONLINE


def test_the_ramp_has_its_ends_and_its_middle() -> None:
    mix = DataMix()
    assert mix.online_share(0) == 0.01
    assert mix.online_share(500_000) == pytest.approx(0.255)
    assert mix.online_share(1_000_000) == mix.online_share(3_000_000) == 0.5
    assert (np.diff([mix.online_share(s) for s in range(0, 1_000_001, 1000)]) > 0.0).all()


def test_weights_of_both_buffers_sum_to_one() -> None:
    for step in (0, 7, 100, 250):
        weights = DataMix(0.1, 0.4, 200).weights(step)
        assert weights[ONLINE] + weights[OFFLINE] == pytest.approx(1.0)
        assert weights[ONLINE] == pytest.approx(min(0.4, 0.1 + 0.3 * step / 200))


def test_a_ramp_of_no_length_is_at_its_end() -> None:
    assert DataMix(0.0, 1.0, 0).weights(0) == {ONLINE: 1.0, OFFLINE: 0.0}


@pytest.mark.parametrize("shares", [(0.5, 0.4), (-0.1, 0.5), (0.1, 1.1)])
def test_shares_that_fall_or_are_none_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="must grow within"):
        DataMix(*shares)
    with pytest.raises(ConfigError, match="num_steps must be at least 0, found -1"):
        DataMix(num_steps=-1)
