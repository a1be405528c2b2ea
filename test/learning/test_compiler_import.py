"""An optimiser steps as ever, without the compiler; whoever needs that has it."""

import subprocess
import sys

import pytest

_CODE = """
import sys
import torch
from equigrasp.learning.compiler_import import stand_in_for_compiler

def learned():
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=True)
        layer(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
    return layer.weight.detach().clone()

stand_in_for_compiler()
without = learned()
assert "sympy" not in sys.modules
from torch._dynamo.backends.registry import lookup_backend
assert torch._dynamo.config.cache_size_limit > 0
assert "sympy" in sys.modules and sys.modules["torch._dynamo"].__file__
assert torch.equal(without, learned())
print("as ever")
"""


@pytest.mark.slow
def test_an_optimiser_needs_no_compiler() -> None:
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CODE], capture_output=True, text=True, check=False
    )
    assert found.stdout == "as ever\n", found.stderr
