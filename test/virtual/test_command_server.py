"""Orders to a virtual cell: understood, refused by name, never silently lost."""

from collections.abc import Iterator

import pytest

from equigrasp.errors import ConfigError, DeviceError, DeviceTimeoutError
from equigrasp.virtual.command_server import CommandServer, Order, send_order


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def server(heard: list[str]) -> Iterator[CommandServer]:
    def refuse(value: str) -> None:
        raise ConfigError(f"'{value}' is too much.")

    orders = {
        "note": Order("take a note", heard.append),
        "answer": Order("tell something", lambda value: f"{value}!"),
        "refuse": Order("never works", refuse),
    }
    server = CommandServer(orders, "127.0.0.1", 0)
    server.start()
    yield server
    server.close()


def test_orders_arrive_with_their_values(server: CommandServer, heard: list[str]) -> None:
    assert send_order(server.host, server.port, "note 0.5") == ""
    assert send_order(server.host, server.port, "note") == ""
    assert heard == ["0.5", ""]
    assert send_order(server.host, server.port, "answer so") == "so!"
    assert "refuse: never works" in send_order(server.host, server.port, "help")


def test_bad_orders_are_told_and_the_server_lives_on(server: CommandServer) -> None:
    with pytest.raises(DeviceError, match="unknown command 'note1'. Known: note, answer, refuse"):
        send_order(server.host, server.port, "note1")
    with pytest.raises(DeviceError, match="refuse: '9' is too much"):
        send_order(server.host, server.port, "refuse 9")
    assert send_order(server.host, server.port, "answer so") == "so!"


def test_no_server_is_told(server: CommandServer) -> None:
    server.close()
    with pytest.raises(DeviceTimeoutError, match="equigrasp virtual ur5"):
        send_order(server.host, server.port, "note")
