"""Every fault of the manual is named, with what to do about it."""

import pytest

from equigrasp.hardware.robotiq import faults

MANUAL = {
    0x05: "action delayed",
    0x07: "activation bit not set",
    0x08: "maximum operating temperature",
    0x09: "no communication",
    0x0A: "under minimum operating voltage",
    0x0B: "automatic release in progress",
    0x0C: "internal fault",
    0x0D: "activation fault",
    0x0E: "overcurrent",
    0x0F: "automatic release completed",
}


@pytest.mark.parametrize(("code", "name"), MANUAL.items())
def test_a_fault_is_named_and_has_a_remedy(code: int, name: str) -> None:
    text = faults.describe(code)
    assert text.startswith(f"Robotiq fault 0x{code:02X}, {name}")
    assert len(text.partition(": ")[2]) > 20


def test_no_other_fault_is_listed() -> None:
    assert set(faults.FAULTS) == set(MANUAL)


def test_an_unknown_code_is_told_as_such() -> None:
    assert "0x03, not in the manual" in faults.describe(0x03)
