"""Whether somebody listens at a TCP port."""

import socket

from equigrasp.devices.finding import Finding

_TIMEOUT = 2.0  # [s]


def check_port(what: str, host: str, port: int, remedy: str) -> Finding:
    """Connect, hang up, and tell how it went."""
    where = f"{what} at {host}:{port}"
    try:
        socket.create_connection((host, port), _TIMEOUT).close()
    except OSError as error:
        return Finding(f"{where}: {error}", False, remedy)
    return Finding(f"{where} is open", True)
