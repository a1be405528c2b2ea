"""The buffer of labels."""

import numpy as np
import pytest
from episodes import SPEC, make_episode, steps_of

from equigrasp.errors import ReplayError
from equigrasp.replay.label_ring import LabelledBatch, LabelRing, Labels, batch_of
from equigrasp.replay.ring_buffer import RingBuffer


def make_batch(episode: int, target: float = 0.5) -> LabelledBatch:
    """Return an episode with labels."""
    buffer = RingBuffer(SPEC, 10)
    buffer.add_episode(steps_of(make_episode(episode)))
    found = buffer.read(buffer.numbers())
    labels = Labels(
        targets=np.full(4, target, np.float32),
        numbers=found.numbers,
        episodes=found.episodes,
        seeds=np.full(4, 1000 + episode),
        versions=np.tile([900 + episode, 400], (4, 1)),
        shards=np.zeros(4, np.int64),
        is_online=np.array([True, False, True, True]),
    )
    return LabelledBatch(found.observation, found.action, labels)


def test_labels_keep_where_they_come_from() -> None:
    ring = LabelRing(SPEC, 12)
    for episode in range(4):
        ring.add(make_batch(episode, 0.1 * episode))
    assert (len(ring), ring.num_added) == (12, 16)
    found = ring.read(np.array([4, 15]))
    assert found.labels.seeds.tolist() == [1001, 1003]
    assert found.labels.versions.tolist() == [[901, 400], [903, 400]]
    assert found.labels.lags.tolist() == [501, 503]
    assert found.labels.targets == pytest.approx([0.1, 0.3])
    assert found.observation["state"].tolist() == [[1.0, 0.0], [3.0, 3.0]]
    with pytest.raises(ReplayError, match="Row 3 is not in the ring"):
        ring.read(np.array([3]))


def test_draws_are_what_is_held(rng: np.random.Generator) -> None:
    ring = LabelRing(SPEC, 8)
    with pytest.raises(ReplayError, match="no labels yet"):
        ring.sample(3, rng)
    for episode in range(3):
        ring.add(make_batch(episode))
    assert set(ring.sample(200, rng).labels.episodes.tolist()) == {1, 2}


def test_a_label_that_is_no_number_is_refused() -> None:
    ring = LabelRing(SPEC, 8)
    with pytest.raises(ReplayError, match="not finite"):
        ring.add(make_batch(0, float("nan")))
    assert len(ring) == 0


def test_flat_names_come_back_as_they_were() -> None:
    batch = make_batch(2)
    found = batch_of(batch.rows())
    assert set(found.observation) == set(SPEC.observation) and set(found.action) == {"motion"}
    assert np.array_equal(found.labels.versions, batch.labels.versions)
    rows = batch.rows()
    del rows["seeds"]
    with pytest.raises(ReplayError, match="'seeds' is missing"):
        batch_of(rows)
