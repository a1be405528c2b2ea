"""When a step is taken in bfloat16."""

import pytest
import torch

from equigrasp.learning.precision import is_half_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("found", "is_half"),
    [({}, False), ({"avx512_bf16": False}, False), ({"avx512_bf16": True}, True)]
    + [({"amx_bf16": True}, True)],
)
def test_a_processor_without_bfloat16_computes_in_float32(
    found: dict[str, bool], is_half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert is_half_precision("auto", CPU) is is_half
    assert is_half_precision("bfloat16", CPU)  # as it is told
    assert not is_half_precision("float32", CPU)


def test_the_capabilities_of_this_processor_are_known() -> None:
    assert "avx2" in torch.cpu.get_capabilities() or "neon" in torch.cpu.get_capabilities()
