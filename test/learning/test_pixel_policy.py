"""How often random grasps are chosen, and that the best one is chosen otherwise."""

import numpy as np
import pytest
import torch

from equigrasp.errors import ConfigError
from equigrasp.geometry.actions import PixelGrasp, PlanarGrasp
from equigrasp.geometry.workspace import Workspace
from equigrasp.learning.exploration import annealed_epsilon, spread_maxima
from equigrasp.learning.grasping.failed_places import failed_pixels, nearness
from equigrasp.learning.grasping.grasp_step import decode_grasp, encode_grasp
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import Attempt, Context, Mode
from equigrasp.learning.method_config import ActingConfig, TrainingConfig
from equigrasp.learning.pixel_policy import PixelPolicy, Selection
from equigrasp.perception.observation import Observation

NUM_CHOICES = 1500


class _Best(PixelPolicy):
    """Reports the temperature that it is asked to choose at as the value of a fixed grasp."""

    def _select(
        self, image: torch.Tensor, mask: np.ndarray, temperature: float, rng: np.random.Generator
    ) -> Selection:
        row, col = np.argwhere(mask)[0]
        return Selection(int(row), int(col), 5, temperature, np.ones(mask.shape), np.ones(8))

    def _q_map(self, image: torch.Tensor, border: int) -> np.ndarray:
        return np.asarray(image[0, 0, border:-border, border:-border])  # the higher, the better

    def _rotation_values(self, image: torch.Tensor, pixels: np.ndarray) -> np.ndarray:
        return np.tile([0.8, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1], (len(pixels), 1))


def _policy(version: int = 0, **acting: object) -> _Best:
    policy = _Best(ActingConfig(**acting), TrainingConfig(steps_per_attempt=2), 8, {})
    policy.version = version
    return policy


def after_failures(mode: Mode, count: int) -> Context:
    """Return the context of so many failures at places that are not known."""
    return Context(mode, last_failures((), count))


class Trials:
    """Asks a policy for greedy grasps, and tells it where those before failed."""

    def __init__(self, policy: PixelPolicy, observation: Observation) -> None:
        self._policy, self._observation = policy, observation
        self._failed: tuple[Attempt, ...] = ()

    def place(self, num_failures: int, seed: int = 0) -> tuple[int, int]:
        """Return row and column of the next grasp after so many failures."""
        history = last_failures(self._failed, num_failures)
        rng = np.random.default_rng(seed)
        decision = self._policy.choose(self._observation, Context("greedy", history), rng)
        self._failed = (*history, decision.tried(self._observation.workspace.name))
        pixel = decode_grasp(decision.encoded)
        return pixel.row, pixel.col


def _observation(workspace: Workspace) -> Observation:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[60:64, 60:70] = 0.05
    return Observation.of_heightmap(heightmap, workspace)


@pytest.mark.parametrize(
    ("attempts", "epsilon"), [(0, 0.5), (125, 0.4), (250, 0.3), (500, 0.1), (5000, 0.1)]
)
def test_epsilon_falls_from_a_half_to_a_tenth_over_500_attempts(
    attempts: int, epsilon: float
) -> None:
    assert annealed_epsilon(ActingConfig(), attempts) == pytest.approx(epsilon)


@pytest.mark.parametrize(("version", "epsilon"), [(0, 0.5), (500, 0.3), (1000, 0.1)])
def test_random_grasps_are_as_frequent_as_epsilon_says(
    workspace: Workspace, version: int, epsilon: float
) -> None:
    policy, observation = _policy(version, exploration="epsilon_greedy"), _observation(workspace)
    choices = [
        policy.choose(observation, Context("train"), np.random.default_rng([7, i]))
        for i in range(NUM_CHOICES)
    ]
    is_random = np.array([np.isnan(c.value) for c in choices])
    error = np.sqrt(epsilon * (1 - epsilon) / NUM_CHOICES)
    assert abs(is_random.mean() - epsilon) < 4 * error
    pixels = [decode_grasp(c.encoded) for c in choices]
    best = {p for p, r in zip(pixels, is_random, strict=True) if not r}
    assert len(best) == 1 and next(iter(best)).rotation_bin == 5
    bins = [p.rotation_bin for p, r in zip(pixels, is_random, strict=True) if r]
    assert np.bincount(bins, minlength=8) / len(bins) == pytest.approx([1 / 8] * 8, abs=0.1)
    assert len({p for p, r in zip(pixels, is_random, strict=True) if r}) > 50


def test_equal_seeds_explore_alike(workspace: Workspace) -> None:
    policy, observation = _policy(exploration="epsilon_greedy"), _observation(workspace)
    first, second = (
        [
            decode_grasp(
                policy.choose(observation, Context("train"), np.random.default_rng(i)).encoded
            )
            for i in range(20)
        ]
        for _ in range(2)
    )
    assert first == second


def test_temperatures_follow_mode_exploration_and_failures(workspace: Workspace) -> None:
    observation, rng = _observation(workspace), np.random.default_rng(0)
    boltzmann = _policy(train_temperature=0.5, greedy_temperature=0.25)
    assert boltzmann.choose(observation, Context("train"), rng).value == 0.5
    assert boltzmann.choose(observation, after_failures("greedy", 2), rng).value == pytest.approx(
        0.27
    )
    assert (
        boltzmann.choose(observation, after_failures("train", 3), rng).value == 0.5
    )  # as published
    rising = _policy(train_temperature=0.5, train_temperature_per_failure=0.1)
    assert rising.choose(observation, Context("train"), rng).value == 0.5
    assert rising.choose(observation, after_failures("train", 3), rng).value == pytest.approx(0.8)
    assert rising.choose(observation, Context("greedy"), rng).value == 0.002
    with pytest.raises(ConfigError, match="train_temperature_per_failure must be at least 0"):
        ActingConfig(train_temperature_per_failure=-0.1)
    greedy = _policy(exploration="epsilon_greedy", epsilon_start=0.0, epsilon_end=0.0)
    assert greedy.choose(observation, Context("train"), rng).value < 1e-8  # the best grasp
    always = _policy(exploration="epsilon_greedy", epsilon_start=1.0, epsilon_end=1.0)
    assert np.isnan(always.choose(observation, Context("train"), rng).value)
    assert (
        always.choose(observation, Context("greedy"), rng).value == 0.002
    )  # near-greedy, as published


class _Middle(_Best):
    """Chooses the middle of the action square, at yaw 0."""

    def _select(
        self, image: torch.Tensor, mask: np.ndarray, temperature: float, rng: np.random.Generator
    ) -> Selection:
        middle = len(mask) // 2
        return Selection(middle, middle, 0, 1.0, np.ones(mask.shape), np.ones(8))


def test_fingers_open_less_beside_neighbours_if_they_may(workspace: Workspace) -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[60:68, 44:84] = heightmap[44:53, 44:84] = heightmap[76:84, 44:84] = 0.05
    observation, rng = Observation.of_heightmap(heightmap, workspace), np.random.default_rng(0)

    def choose(**acting: float) -> PlanarGrasp:
        policy = _Middle(ActingConfig(edge_depth=0.01, **acting), TrainingConfig(), 8, {})
        return policy.choose(observation, Context("greedy"), rng).action

    wide, narrow = choose(), choose(min_width=0.035)
    assert wide.width == 0.085
    assert 0.035 <= narrow.width < 0.07
    assert narrow.z < wide.z - 0.01
    with pytest.raises(ConfigError, match=r"min_width must be within \[0, width\], found 0.1"):
        ActingConfig(min_width=0.1)


def test_maxima_are_the_highest_allowed_entries_that_do_not_touch() -> None:
    values = np.array([[9.0, 8.0, 1.0, 7.0], [5.0, 4.0, 2.0, 6.0], [0.5, 3.0, 0.2, 0.1]])
    mask = np.ones(values.shape, bool)
    mask[0, 0] = False
    assert spread_maxima(values, mask, 2).tolist() == [[0, 1], [0, 3]]
    assert spread_maxima(values, mask, 9).tolist() == [[0, 1], [0, 3], [2, 1], [2, 3]]
    assert spread_maxima(values, mask, 9, radius=2).tolist() == [[0, 1]]
    assert spread_maxima(values, np.zeros(values.shape, bool), 9).shape == (0, 2)


def test_the_script_outweighs_a_yaw_that_the_networks_like_a_little_better(
    workspace: Workspace,
) -> None:
    """A bar of 12 mm by 112 mm: the fingers hold it across (yaw 0), and cannot along it (yaw 4)."""
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[60:64, 46:82] = 0.05
    observation = Observation.of_heightmap(heightmap, workspace)

    def chosen(weight: float) -> tuple[int, float]:
        policy = _policy(
            script_weight=weight, greedy_temperature=1e-4, temperature_per_failure=0.0
        )
        decision = policy.choose(observation, Context("greedy"), np.random.default_rng(0))
        pixel = decode_grasp(decision.encoded)
        assert 58 <= pixel.row <= 65 and 46 <= pixel.col <= 82
        return pixel.rotation_bin, decision.value

    assert chosen(0.1) == (0, 0.8)
    assert chosen(0.01) == (4, 0.9)


def test_after_failures_the_script_rates_grasps_of_other_objects_too(workspace: Workspace) -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[30:62, 30:62] = 0.06  # 100 mm by 100 mm: too wide, but all that is rated at first
    heightmap[90:94, 40:76] = 0.05  # a bar that the fingers hold
    observation, policy = (
        Observation.of_heightmap(heightmap, workspace),
        _policy(script_weight=0.1),
    )

    def row(num_failures: int) -> int:
        rng = np.random.default_rng(0)
        context = after_failures("greedy", num_failures)
        return decode_grasp(policy.choose(observation, context, rng).encoded).row

    assert 30 <= row(0) < 62
    assert 88 <= row(5) < 96


def test_a_lone_object_is_tried_at_many_places(workspace: Workspace) -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[50:74, 60:72] = 0.05  # 75 mm by 37 mm
    observation = Observation.of_heightmap(heightmap, workspace)
    policy = _policy(script_weight=0.1, failure_penalty=0.15, greedy_temperature=1e-6)
    trials = Trials(policy, observation)
    places = [trials.place(number, seed=number) for number in range(20)]
    assert len(set(places[10:])) >= 4


def test_where_grasps_failed_the_next_ones_are_worth_less_until_one_holds(
    workspace: Workspace,
) -> None:
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[30:34, 40:76] = 0.052  # two bars that the fingers hold; the higher is liked better
    heightmap[90:94, 40:76] = 0.05
    observation = Observation.of_heightmap(heightmap, workspace)
    policy = _policy(
        script_weight=0.1,
        failure_penalty=0.15,
        greedy_temperature=1e-6,
        temperature_per_failure=0.0,
    )
    trials = Trials(policy, observation)

    def place(num_failures: int) -> np.ndarray:
        return np.array(trials.place(num_failures))

    first = place(0)
    others = [place(1), place(2), place(3)]
    assert first[0] < 36
    apart = [np.hypot(*(p - q)) for i, p in enumerate([first, *others]) for q in others[i:]]
    assert min(apart) * workspace.pixel_size > 0.02
    assert any(p[0] > 86 for p in others)
    assert (place(0) == first).all()  # one held: all is forgotten


def _failure(workspace: str, row: int, col: int) -> Attempt:
    return Attempt(workspace, encode_grasp(PixelGrasp(row, col, 0)), 0.0)


def test_failures_count_by_their_distance() -> None:
    pixels = np.array([[20, 20], [20, 30], [9, 9]])

    def near(*failed: tuple[int, int]) -> list[float]:
        return nearness(pixels, np.array(failed, float).reshape(-1, 2), 0.002).round(4).tolist()

    assert near() == [0.0, 0.0, 0.0]
    assert near((20, 20)) == [1.0, 0.6065, 0.2982]
    # 2 exp(-100/200), 2 exp(-242/200)
    assert near((20, 20), (20, 20)) == [2.0, 1.2131, 0.5964]


def test_failures_count_in_their_workspace_only() -> None:
    """What failed before the last look at another workspace is forgotten, and unknown places are."""
    left = _failure("left", 9, 9), _failure("left", 20, 21)
    assert failed_pixels(left, "left").tolist() == [[9, 9], [20, 21]]
    assert failed_pixels(left, "right").shape == (0, 2)
    moved = (*left, _failure("right", 5, 5), _failure("left", 7, 8))
    assert failed_pixels(moved, "left").tolist() == [[7, 8]]
    assert failed_pixels(last_failures(left[1:], 3), "left").tolist() == [[20, 21]]
    assert failed_pixels(last_failures((), 3), "").shape == (0, 2)


def test_the_last_choices_are_those_that_failed() -> None:
    choices = tuple(_failure("left", row, 0) for row in range(4))
    assert last_failures(choices, 0) == ()
    assert last_failures(choices, 2) == choices[2:]
    longer = last_failures(choices, 6)
    assert longer[2:] == choices and [a.action for a in longer[:2]] == [{}, {}]


def test_a_choice_depends_on_its_arguments_only(workspace: Workspace) -> None:
    """Whatever was asked in between: a policy keeps no memory of its own choices."""
    heightmap = np.zeros((128, 128), np.float32)
    heightmap[30:34, 40:76], heightmap[90:94, 40:76] = 0.052, 0.05
    observation = Observation.of_heightmap(heightmap, workspace)
    policy = _policy(script_weight=0.1, failure_penalty=0.15)
    history = tuple(_failure(workspace.name, 32, col) for col in (50, 60))

    def choose(seed: int, *failed: Attempt) -> tuple[PlanarGrasp, float]:
        rng = np.random.default_rng(seed)
        decision = policy.choose(observation, Context("greedy", failed), rng)
        return decision.action, decision.value

    first = choose(1, *history)
    for seed in range(5):
        choose(seed), choose(seed, *history[:1])
    assert choose(1, *history) == first


@pytest.mark.parametrize(
    ("acting", "reason"),
    [
        ({"script_weight": -0.1}, "script_weight"),
        ({"script_weight": 0.1, "failure_penalty": -0.1}, "failure_penalty"),
        ({"failure_penalty": 0.1}, "failure_penalty 0.1 needs a script_weight"),
    ],
)
def test_weights_beside_the_networks_are_checked(acting: dict[str, float], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ActingConfig(**acting)
