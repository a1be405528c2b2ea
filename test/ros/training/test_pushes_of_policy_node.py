"""Which policies the policy node lets push, and that it says where it does not."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("equigrasp_interfaces")

from equigrasp.learning import freeing_policy  # noqa: E402
from equigrasp.learning.freeing_policy import FreeingPolicy, with_pushes  # noqa: E402
from equigrasp.methods.registry import load_method  # noqa: E402


class _Pixels:
    """Stands for a policy that chooses by pixel and yaw."""


@pytest.mark.parametrize(
    ("name", "modes"),
    [("asr/equigrasp:tiny", ("train", "greedy")), ("asr:tiny", ("greedy",))],
)
def test_pushes_while_learning_are_for_policies_that_look_elsewhere(
    name: str, modes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    make = FreeingPolicy.__init__

    def remember(self: Any, policy: Any, modes: Any) -> None:
        given.append(modes)
        make(self, policy, modes)

    monkeypatch.setattr(FreeingPolicy, "__init__", remember)
    warnings: list[str] = []
    monkeypatch.setattr(freeing_policy, "PixelPolicy", _Pixels)
    acting = load_method(name)[1].acting
    assert isinstance(with_pushes(_Pixels(), acting, warnings.append), FreeingPolicy)
    assert given == [modes] and not warnings


def test_a_policy_that_cannot_push_is_named() -> None:
    policy, warnings = np.zeros(1), []
    assert with_pushes(policy, None, warnings.append) is policy
    assert len(warnings) == 1 and "has_freeing_pushes is without effect: ndarray" in warnings[0]
