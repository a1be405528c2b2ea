"""The best action is found within bounds, and rare choices are not missed."""

import pytest
import torch

from equigrasp.errors import ConfigError
from equigrasp.learning.cross_entropy_method import (
    Candidates,
    CemConfig,
    SearchSpace,
    ValueFunction,
    maximise,
)

SHARES = ((0.66, 0.17, 0.17), (0.92, 0.08))


def space(
    size: int, low: float = -1.0, high: float = 1.0, allowed: list[list[bool]] | None = None
) -> SearchSpace:
    allowed = allowed or [[True] * 3, [True] * 2]
    masks = [torch.tensor(mask).expand(size, -1) for mask in allowed]
    return SearchSpace(torch.full((size, 4), low), torch.full((size, 4), high), masks, SHARES)


def bowl(place: torch.Tensor, choices: tuple[int, int] = (0, 0)) -> ValueFunction:
    """Return a function that is 0 at a place (B, 4) with some choices, and less elsewhere."""

    def values(candidates: Candidates) -> torch.Tensor:
        distance = (candidates.motion - place[:, None]).square().sum(-1)
        wrong = (candidates.choices != torch.tensor(choices)).sum(-1)
        return -distance - wrong

    return values


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_maximum_of_a_known_function_is_found() -> None:
    place = torch.tensor([[0.5, -0.3, 0.2, 0.0], [-0.7, 0.1, 0.0, 0.6], [0.0, 0.0, 0.9, -0.4]])
    long = CemConfig(num_samples=128, num_elites=12, num_iterations=12, min_deviation=0.001)
    found = maximise(bowl(place, (2, 0)), space(3), long, generator())
    assert torch.allclose(found.best.motion[:, 0], place, atol=0.02)
    assert (found.best.choices[:, 0] == torch.tensor([2, 0])).all()
    few = maximise(bowl(place), space(3), CemConfig(), generator())
    assert (few.value > -0.25).all() and few.batch.motion.shape == (3, 64 + 6, 4)


def test_no_sample_leaves_the_bounds() -> None:
    place = torch.full((2, 4), 5.0)
    narrow = space(2, -0.2, 0.3)
    found = maximise(bowl(place), narrow, CemConfig(), generator())
    assert (found.batch.motion >= narrow.low[:, None]).all()
    assert (found.batch.motion <= narrow.high[:, None]).all()
    assert torch.allclose(found.best.motion, torch.full((2, 1, 4), 0.3))


def test_the_result_is_the_best_of_the_last_batch() -> None:
    values = bowl(torch.zeros(2, 4))
    found = maximise(values, space(2), CemConfig(), generator())
    assert torch.equal(found.value, values(found.batch).amax(1))
    assert torch.equal(values(found.best)[:, 0], found.value)
    assert found.value.max() < 0.0  # a mean of samples would be nearer to 0


@pytest.mark.parametrize("choices", [(g, e) for g in range(3) for e in range(2)])
def test_a_choice_that_is_never_drawn_hides_no_maximum(choices: tuple[int, int]) -> None:
    never = SearchSpace(*(torch.full((4, 4), v) for v in (-1.0, 1.0)), space(4).allowed,
                        ((1.0, 0.0, 0.0), (1.0, 0.0)))  # fmt: skip
    config = CemConfig(min_share=0.0)
    found = maximise(bowl(torch.zeros(4, 4), choices), never, config, generator())
    assert (found.best.choices[:, 0] == torch.tensor(choices)).all()


def test_what_is_forbidden_is_never_chosen() -> None:
    """Neither drawn nor as a combination, even where it would be best by far."""
    guarded = space(64, allowed=[[True, False, True], [True, False]])
    values = bowl(torch.zeros(64, 4), (1, 1))
    found = maximise(values, guarded, CemConfig(num_iterations=1), generator())
    assert (found.best.choices[..., 0] != 1).all() and (found.best.choices[..., 1] == 0).all()
    assert (found.values == -torch.inf).sum(1).eq(4).all()  # of the six combinations


def test_first_batches_hold_the_shares_and_later_ones_what_elites_chose() -> None:
    drawn: list[torch.Tensor] = []

    def values(candidates: Candidates) -> torch.Tensor:
        drawn.append(candidates.choices[:, :2000])
        return (candidates.choices[..., 0] == 2).float()

    config = CemConfig(num_samples=2000, num_elites=100)
    maximise(values, space(1), config, generator())
    first, second = (torch.bincount(d[0, :, 0], minlength=3) / 2000 for d in drawn)
    assert torch.allclose(first, torch.tensor(SHARES[0]), atol=0.04)
    assert torch.allclose(second, torch.tensor([0.05, 0.05, 1.0]) / 1.1, atol=0.03)


def test_later_batches_have_the_bessel_corrected_deviation_of_elites() -> None:
    seen: list[torch.Tensor] = []

    def values(candidates: Candidates) -> torch.Tensor:
        seen.append(candidates.motion)
        return -candidates.motion[..., 0].abs()

    wide = SearchSpace(*(torch.full((1, 4), v) for v in (-50.0, 50.0)), space(1).allowed, SHARES)
    config = CemConfig(num_samples=4000, num_elites=3, min_deviation=0.2)
    maximise(values, wide, config, generator())
    elites = seen[0][0][seen[0][0, :, 0].abs().argsort()[:3]]
    second = seen[1][0, :4000]
    assert torch.allclose(second.mean(0), elites.mean(0), atol=0.05)
    wanted = (elites - elites.mean(0)).square().sum(0).div(2).sqrt().clamp(min=0.2)
    assert torch.allclose(second.std(0), wanted, rtol=0.06)
    assert float(wanted[0]) == pytest.approx(0.2)  # the floor, where elites agree


def test_the_generator_is_all_randomness() -> None:
    values = bowl(torch.zeros(2, 4))
    first, again, other = (
        maximise(values, space(2), CemConfig(), generator(seed)).best.motion for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"num_elites": 65}, r"num_elites must be in \[2, num_samples 64\], found 65"),
        ({"num_elites": 1}, "found 1"),
        ({"num_iterations": 0}, "num_iterations must be at least 1"),
        ({"deviation": 0.0}, "deviation must be positive"),
        ({"min_share": 1.0}, r"min_share must be in \[0, 1\), found 1.0"),
    ],
)
def test_a_search_that_cannot_be_is_refused(keys: dict[str, float], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        CemConfig(**keys)  # type: ignore[arg-type]


def test_a_space_that_admits_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Choice 1 leaves a state nothing"):
        space(2, allowed=[[True] * 3, [False] * 2])
    with pytest.raises(ValueError, match="smallest motion of a state is above"):
        space(2, 0.5, 0.4)
