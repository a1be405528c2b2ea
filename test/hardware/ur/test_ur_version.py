"""Controllers without a dashboard server."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from virtual_ur5 import own_address

from equigrasp.devices.cell import ArmConfig
from equigrasp.errors import DeviceError
from equigrasp.hardware.ur import ur_dashboard
from equigrasp.hardware.ur.ur_checks import check_ur
from equigrasp.hardware.ur.ur_config import UrConfig
from equigrasp.hardware.ur.ur_version import controller_version, missing_dashboard

POLYSCOPE_X = struct.pack(">HBIIII", 19, ord("v"), 10, 7, 1, 0)
E_SERIES = struct.pack(">HBIIII", 19, ord("v"), 5, 11, 0, 108249)


@contextlib.contextmanager
def _rtde(host: str, answer: bytes) -> Iterator[None]:
    """Answer every client of the RTDE port with the same bytes, in pieces."""
    server = socket.create_server((host, 30004))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with client:
                    if client.recv(3) == b"\x00\x03v":  # else who only looks whether it is open
                        client.sendall(answer[:5])
                        client.sendall(answer[5:])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


class _DeafClient:
    """The dashboard client of a library that finds nobody."""

    def __init__(self, host: str) -> None:
        self.dashboard_client = self.DashboardClient = lambda _: self

    def connect(self, timeout: int) -> None:
        raise RuntimeError("connection refused")


@pytest.mark.parametrize(
    ("answer", "version", "words"),
    [
        (POLYSCOPE_X, (10, 7, 1), "PolyScope X 10.7.1, which has no dashboard server"),
        (E_SERIES, (5, 11, 0), "PolyScope 5.11.0 is on, but its dashboard server is off"),
        (POLYSCOPE_X[:7], None, "A computer is there, and refuses"),
        (b"HTTP/1.1 400 Bad Request", None, "A computer is there, and refuses"),
    ],
)
def test_what_has_no_dashboard_is_named(
    monkeypatch: pytest.MonkeyPatch,
    arm_config: ArmConfig,
    answer: bytes,
    version: tuple[int, ...] | None,
    words: str,
) -> None:
    host = own_address(21)
    monkeypatch.setattr(ur_dashboard, "load_library", lambda name: _DeafClient(host))
    with _rtde(host, answer):
        assert controller_version(host) == version
        assert words in missing_dashboard(host)[0]
        finding = next(iter(check_ur(arm_config, UrConfig(host))))
        assert not finding.is_ok
        assert words in finding.remedy and "check power" not in finding.remedy
        with pytest.raises(DeviceError, match=words), ur_dashboard.UrDashboard(host):
            pass


def test_a_host_that_refuses_is_on(arm_config: ArmConfig) -> None:
    finding = next(iter(check_ur(arm_config, UrConfig(own_address(22)))))
    assert "A computer is there, and refuses" in finding.remedy


def test_a_dashboard_that_is_there_is_not_missing() -> None:
    with socket.create_server((own_address(23), 29999)):
        assert missing_dashboard(own_address(23)) == ("", False)
