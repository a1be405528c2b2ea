"""What a controller is whose dashboard server does not answer.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) Guide", request URControl version.
"""

import contextlib
import socket
import struct

DASHBOARD_PORT, RTDE_PORT = 29999, 30004
_GET_VERSION = ord("v")
_TIMEOUT = 2.0  # [s]
_FIRST_POLYSCOPE_X = 10  # major version; CB3 is 3, e-Series 5
_SERVICES = "enable it on the pendant under Settings, Security, Services (e-Series)"


def controller_version(host: str) -> tuple[int, int, int] | None:
    """Return major, minor and bugfix number as RTDE tells them; None: it does not answer."""
    with contextlib.suppress(OSError, struct.error):
        with socket.create_connection((host, RTDE_PORT), _TIMEOUT) as link:
            link.settimeout(_TIMEOUT)
            link.sendall(struct.pack(">HB", 3, _GET_VERSION))
            answer = b""
            while len(answer) < 19 and (piece := link.recv(19 - len(answer))):
                answer += piece
        _, kind, major, minor, bugfix, _ = struct.unpack(">HBIIII", answer)
        if kind == _GET_VERSION:
            return major, minor, bugfix
    return None


def missing_dashboard(host: str) -> tuple[str, bool]:
    """Return why the dashboard server of a controller that is on cannot be reached, with the remedy.

    Returns:
        The reason, empty if nobody is there at all or the server is; and whether it is sure.
    """
    try:
        socket.create_connection((host, DASHBOARD_PORT), _TIMEOUT).close()
        return "", False
    except OSError as error:
        is_host_there = isinstance(error, ConnectionRefusedError)
    version = controller_version(host)
    if version is not None and version[0] >= _FIRST_POLYSCOPE_X:
        number = ".".join(map(str, version))
        return (
            f"It runs PolyScope X {number}, which has no dashboard server, and this driver needs one. "
            "Drive it with Universal Robots' ROS driver (ur_robot_driver)."
        ), True
    if version is not None:
        number = ".".join(map(str, version))
        return f"PolyScope {number} is on, but its dashboard server is off: {_SERVICES}.", True
    if not is_host_there:
        return "", False
    return (
        "A computer is there, and refuses: the controller is booting, or it runs PolyScope X, which "
        "has no dashboard server and which this driver cannot drive, or the service is off "
        f"({_SERVICES}), or the address is another's."
    ), False
