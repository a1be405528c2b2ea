"""The straightforward implementation is a fair yardstick: it computes what ours computes."""

import copy
import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from equigrasp.experiments.speed import learning_speed
from equigrasp.experiments.speed.bench import write_comparisons
from equigrasp.experiments.speed.learning_speed import LearningSpeed, decide
from equigrasp.experiments.speed.replay_memory import measure_replay
from equigrasp.experiments.speed.stopwatch import Comparison, alternate, count_multiplications
from equigrasp.methods.asr.losses import Loss
from equigrasp.methods.registry import load_method
from equigrasp.networks import steerable_convolution


@pytest.mark.parametrize(
    ("min_size", "loss"),  # form by irreps everywhere, nowhere
    [(0, "smooth_l1"), (10**9, "smooth_l1"), (10**9, "cross_entropy")],
)
@pytest.mark.slow
def test_ours_and_the_straightforward_form_learn_and_act_alike(
    min_size: int, loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steerable_convolution, "_MIN_IRREP_SIZE", min_size)
    package, config = load_method("asr:tiny")
    config = replace(config, training=replace(config.training, loss=loss))
    monkeypatch.setattr(learning_speed, "load_method", lambda name: (package, config))
    both = LearningSpeed("asr:tiny", batch_size=4)
    reference = [p for m in (both.reference._q1, both.reference._q2) for p in m.parameters()]
    image = both.batch.heightmaps[:1]
    for step in range(2):
        ours = both.learner.train_step(both.batch, step)
        theirs = both.reference.train_step(both.batch, step)
        assert ours == pytest.approx(theirs, rel=2e-4)
        for p, q in zip(both.learner._parameters, reference, strict=True):
            assert torch.allclose(p.grad, q.grad, atol=2e-4 * float(q.grad.abs().max()) + 1e-9)
            p.data.copy_(q.data)  # Adam's first steps magnify the rounding of tiny gradients
    ours, theirs = (
        count_multiplications(lambda one=one: one.train_step(both.batch, 0))
        for one in (both.learner, both.reference)
    )
    assert 0 < ours < theirs
    modules = copy.deepcopy(both.learner.modules)
    for p, q in zip((p for m in modules.values() for p in m.parameters()), reference, strict=True):
        p.data.copy_(q.data)
    found = decide({k: m.eval() for k, m in modules.items()}, image)
    for a, b in zip(found, both.reference.values(image), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_decision_has_a_floor() -> None:
    _, floors = LearningSpeed("asr:tiny", batch_size=2).measure(1)
    assert all(0 < f.floor < f.seconds and f.multiplications > 0 for f in floors)
    assert all(f.multiplications < f.published_multiplications for f in floors)


def test_multiplications_are_counted_in_both_directions() -> None:
    layer = torch.nn.Conv2d(2, 3, 3, padding=1)
    x = torch.zeros(1, 2, 8, 8, requires_grad=True)
    forward = 64 * 2 * 3 * 9
    assert count_multiplications(lambda: layer(x)) == forward
    assert count_multiplications(lambda: layer(x).sum().backward()) == 3 * forward
    with torch.inference_mode():  # as decisions are taken
        assert count_multiplications(lambda: layer(x)) == forward


def test_ratios_say_how_many_times_better_ours_is(tmp_path: Path) -> None:
    times = Comparison("step", "s", 0.5, 2.0, "other")
    rates = Comparison("attempts", "1/s", 2.0, 4.0, "bare", is_more_better=True)
    assert (times.ratio, rates.ratio) == (4.0, 0.5)
    write_comparisons(tmp_path / "speed.csv", [times, rates])
    with (tmp_path / "speed.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["times_better"] for row in rows] == ["4.00", "0.50"]
    calls: list[str] = []
    alternate([lambda: calls.append("a"), lambda: calls.append("b")], 2, warm_up=False)
    assert calls == ["a", "b", "a", "b"]


def test_replay_takes_less_than_an_eighth_of_the_published_memory() -> None:
    found = measure_replay(3)
    assert found.ours < 150.0 and found.reference == pytest.approx(1048.576)
