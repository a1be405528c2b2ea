"""Labels and target networks, on numbers worked by hand."""

import pytest
import torch

from equigrasp.errors import WeightsError
from equigrasp.learning.clipped_double_q import Target, bellman_labels, next_values, q_values
from equigrasp.learning.cross_entropy_method import Candidates, CemConfig, SearchSpace, maximise
from equigrasp.learning.target_networks import TargetNetworks
from equigrasp.learning.weight_store import read_parameters


class TableCritic:
    """Values three choices, whatever the motion: probabilities (heads, 3), the same in each state."""

    def __init__(self, *heads: list[float]) -> None:
        self.table = torch.tensor(heads)

    def encode(self, states: tuple[torch.Tensor, ...]) -> int:
        """Return how many states there are."""
        return len(states[0])

    def logits(self, features: int, candidates: Candidates) -> torch.Tensor:
        """Return logits of the choices."""
        return torch.logit(self.table[:, candidates.choices[..., 0]].movedim(0, -1))


CURRENT = TableCritic([0.2, 0.9, 0.1])  # likes 1
AVERAGE = TableCritic([0.5, 0.3, 0.7])  # likes 2
PREVIOUS = TableCritic([0.8, 0.9, 0.4])  # likes 1
STATES = (torch.zeros(2, 1),)


def search(values):  # noqa: ANN001, ANN201
    """Return the best of the three choices."""
    ones = torch.ones(2, 1)
    space = SearchSpace(-ones, ones, [torch.ones(2, 3, dtype=torch.bool)], [(1.0, 0.0, 0.0)])
    return maximise(values, space, CemConfig(num_samples=4, num_elites=2), torch.Generator())


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("single", 0.7),  # of 2, by the average
        ("double", 0.3),  # of 1, which the current one likes, by the average
        (
            "clipped",
            0.4,
        ),  # of 2, which the average likes, by the previous one: not its own best, 0.9
    ],
)
def test_each_target_values_the_action_that_it_should(target: Target, value: float) -> None:
    found = next_values(target, CURRENT, AVERAGE, PREVIOUS, STATES, search)
    assert found.tolist() == pytest.approx([value, value])


def test_clipped_takes_the_average_where_it_is_the_smaller() -> None:
    found = next_values("clipped", CURRENT, AVERAGE, TableCritic([0.1, 0.1, 0.8]), STATES, search)
    assert found.tolist() == pytest.approx([0.7, 0.7])


def test_an_ensemble_counts_by_its_mean_or_its_least() -> None:
    pair = TableCritic([0.5, 0.1, 0.9], [0.5, 0.1, 0.3])
    best = Candidates(torch.zeros(2, 1, 1), torch.full((2, 1, 1), 2))
    assert q_values(pair, 2)(best)[:, 0].tolist() == pytest.approx([0.6, 0.6])
    assert q_values(pair, 2, "min")(best)[:, 0].tolist() == pytest.approx([0.3, 0.3])
    found = next_values("single", CURRENT, pair, PREVIOUS, STATES, search, "min")
    assert found.tolist() == pytest.approx([0.3, 0.3])  # chosen by the mean


def test_monte_carlo_asks_for_no_value() -> None:
    with pytest.raises(ValueError, match="outcomes of episodes"):
        next_values("monte_carlo", CURRENT, AVERAGE, PREVIOUS, STATES, search)


def test_labels_are_what_one_works_out_by_hand() -> None:
    rewards = torch.tensor([-0.02, -0.05, 1.0, 0.0, -0.02])
    discounts = torch.tensor([0.9, 0.9, 0.0, 0.0, 0.9])
    values = torch.tensor([0.5, 0.05, 0.7, torch.nan, 1.0])
    labels = bellman_labels(rewards, discounts, values)
    # 0.45 - 0.02; 0.045 - 0.05 is below 0; terminal ones are their reward, whatever the value.
    assert labels.tolist() == pytest.approx([0.43, 0.0, 1.0, 0.0, 0.88])


def weight_of(value: float) -> dict[str, torch.nn.Module]:
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(module.weight, value)
    return {"q": module}


def read(modules: dict[str, torch.nn.Module]) -> float:
    return float(modules["q"].weight)  # type: ignore[arg-type]


def test_the_average_follows_and_the_previous_version_lags() -> None:
    """Weights that are s after step s; decay 0, so that the average is the weight."""
    modules = weight_of(0.0)
    targets = TargetNetworks(modules, decay=0.0, period=5)
    lags, previous = [], []
    for step in range(1, 21):
        torch.nn.init.constant_(modules["q"].weight, float(step))  # type: ignore[arg-type]
        targets.follow(modules)
        assert read(targets.average) == step
        lags.append(targets.lag)
        previous.append(read(targets.previous))
    assert previous == [0.0] * 9 + [5.0] * 5 + [10.0] * 5 + [15.0]
    assert lags[9:] == [5, 6, 7, 8, 9, 5, 6, 7, 8, 9, 5]  # a period to twice the period
    assert lags[:9] == list(range(1, 10))


def test_the_average_decays_as_configured_after_a_quicker_start() -> None:
    modules = weight_of(0.0)
    targets = TargetNetworks(modules, decay=0.5, period=100)
    torch.nn.init.constant_(modules["q"].weight, 1.0)  # type: ignore[arg-type]
    averages, expected = [], 0.0
    for step in range(1, 13):
        targets.follow(modules)
        decay = min(0.5, step / (9 + step))
        expected = decay * expected + 1.0 - decay
        averages.append(read(targets.average))
        assert averages[-1] == pytest.approx(expected)
    assert averages[0] == pytest.approx(0.9)  # the first step counts for nine tenths
    assert read(targets.previous) == 0.0


def test_targets_go_on_where_they_were() -> None:
    modules = weight_of(0.3)
    straight = TargetNetworks(modules, 0.9, 3)
    for step in range(20):
        if step == 8:
            saved = straight.tensors()
        torch.nn.init.constant_(modules["q"].weight, float(step) ** 0.5)  # type: ignore[arg-type]
        straight.follow(modules)
    opened = TargetNetworks(weight_of(0.0), 0.9, 3)
    opened.load(saved)
    for step in range(8, 20):
        torch.nn.init.constant_(modules["q"].weight, float(step) ** 0.5)  # type: ignore[arg-type]
        opened.follow(modules)
    found, wanted = opened.tensors(), straight.tensors()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[k], wanted[k]) for k in wanted)


def test_targets_of_other_networks_are_refused() -> None:
    targets = TargetNetworks(weight_of(0.0), 0.9, 3)
    with pytest.raises(WeightsError, match="lacks 'steps'"):
        targets.load({})
    with pytest.raises(WeightsError, match="1 tensors missing"):
        targets.load({"steps": torch.zeros(3)})


def test_what_is_no_trained_weight_is_taken_as_it_is() -> None:
    modules = weight_of(0.0)
    modules["q"].register_parameter(
        "mean", torch.nn.Parameter(torch.zeros(1), requires_grad=False)
    )
    targets = TargetNetworks(modules, 0.9999, 100)
    for step in range(1, 40):
        with torch.no_grad():
            for parameter in modules["q"].parameters():
                parameter.fill_(float(step))
        targets.follow(modules)
    average = read_parameters(targets.average)
    assert float(average["q.mean"]) == 39.0 and float(average["q.weight"]) < 38.0
