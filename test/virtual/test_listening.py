"""Where the virtual cell listens."""

import pytest

from equigrasp.cli.main import main
from equigrasp.errors import ConfigError
from equigrasp.virtual.cell.virtual_cell import VirtualCellConfig

OPEN = ["0.0.0.0", "", "0", "::", "192.168.1.5", "a-name", "127.1", "128.0.0.1", "x" * 10_000]


@pytest.mark.parametrize("host", OPEN)
def test_an_address_of_the_network_needs_a_word(host: str) -> None:
    with pytest.raises(ConfigError, match="--open-to-network") as refusal:
        VirtualCellConfig(host=host)
    assert len(str(refusal.value)) < 400
    assert VirtualCellConfig(host=host, is_open_to_network=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.4.5", "::1", "localhost"])
def test_loopback_addresses_need_none(host: str) -> None:
    assert VirtualCellConfig(host=host).host == host


def test_the_command_refuses_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["virtual", "ur5", "--host", "0.0.0.0"]) == 2
    assert "'0.0.0.0' is not of this machine alone" in capsys.readouterr().err
