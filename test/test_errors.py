"""Texts of errors."""

import pytest

from equigrasp import errors
from equigrasp.errors import ConfigError, DeviceError, EquigraspError, ReplayError, shortened


@pytest.mark.parametrize("longest", [1, 2, 10, 100, 2000])
def test_a_long_text_loses_its_middle(longest: int) -> None:
    text = "a" * 1_000_000 + "z" * 1_000_000
    found = shortened(text, longest)
    assert len(found) == longest and found.count("…") == 1
    if longest >= 10:
        assert found.startswith("a") and found.endswith("z")
    assert shortened(text[:longest], longest) == text[:longest]


def test_errors_of_every_kind_are_short() -> None:
    """Whatever name of a megabyte they tell of, in a log or a ROS result."""
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and k is not errors.Device]
    assert {EquigraspError, ConfigError, DeviceError, ReplayError} <= set(kinds)
    for kind in kinds:
        words = ("x" * 1_000_000, errors.Device.ARM)
        error = kind(*words) if kind is errors.ArmStoppedError else kind(words[0])
        assert len(str(error)) <= errors.LONGEST_MESSAGE, kind
        assert len(f"{error}") <= errors.LONGEST_MESSAGE, kind
    assert str(ConfigError("Unknown 'x'.")) == "Unknown 'x'."
