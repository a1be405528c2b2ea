"""Who can reach the ROS graph: this machine alone, unless somebody opens it."""

import ipaddress
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from equigrasp.devices.finding import Finding
from equigrasp.errors import ConfigError, shortened
from equigrasp.paths import config_dir

VARIABLE = "EQUIGRASP_NETWORK"  # tells the nodes what was chosen for the graph
THIS_MACHINE, ANY = "this_machine", "any"
NETWORKS = (THIS_MACHINE, ANY)
_FIRST_CHOSEN_PORT = 32768  # Linux's own; a user may raise it
_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
# Fast DDS 2 reads the first, 3 the second; both come before what a program says.
_PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
# Of the working directory; Fast DDS lets them replace whatever the variables name.
_PROFILES_HERE = ("DEFAULT_FASTRTPS_PROFILES.xml", "DEFAULT_FASTDDS_PROFILES.xml")


def profile_path() -> Path:
    """Return the Fast DDS profile whose participants are reached from this machine alone."""
    return config_dir() / "dds" / f"{THIS_MACHINE}.xml"


def choose_network(network: str = "") -> None:
    """Say who is to reach the nodes that this process, and those that it starts, make later.

    A Fast DDS profile or a discovery range that the user has set stays.

    Args:
        network: One of `NETWORKS`; empty: as the environment says, else this machine.

    Raises:
        ConfigError: if it is none of them, or a profile is named that is not there.
    """
    wanted = network or os.environ.get(VARIABLE, "") or THIS_MACHINE
    if wanted not in NETWORKS:
        name = "network" if network else VARIABLE
        raise ConfigError(f"{name} '{shortened(wanted, 50)}' is not one of {', '.join(NETWORKS)}.")
    own = str(profile_path())
    for name in _PROFILE_VARIABLES:
        if os.environ.get(name, own) in ("", own):  # an empty one makes Fast DDS complain
            os.environ.pop(name, None)
        elif not Path(os.environ[name]).is_file():  # Fast DDS would go on, open to all
            raise ConfigError(
                f"{name} names '{shortened(os.environ[name], 200)}', which is no file."
            )
    if wanted == THIS_MACHINE:
        os.environ.setdefault(_RANGE, "LOCALHOST")
        if not _user_profile():
            os.environ |= dict.fromkeys(_PROFILE_VARIABLES, own)
    os.environ[VARIABLE] = wanted


def network_environment() -> dict[str, str]:
    """Return the variables that tell a new process who is to reach its nodes."""
    wanted = (VARIABLE, _RANGE, *_PROFILE_VARIABLES)
    return {name: os.environ[name] for name in wanted if name in os.environ}


def network_warning() -> str:
    """Return what a user should know about who can reach the graph; empty: this machine alone can."""
    if os.environ.get(VARIABLE) == ANY:
        return (
            "network any: whoever reaches this machine over a network can see the ROS graph, send its "
            "arm and gripper goals, and feed its learner. Only on a network that you trust."
        )
    if profile := _user_profile():
        return f"network: as the Fast DDS profile '{profile}' says; `equigrasp doctor` shows it."
    if os.environ.get("ROS_STATIC_PEERS"):
        return f"ROS_STATIC_PEERS has no effect on network {THIS_MACHINE}: the graph answers no other machine."
    return ""


def listening_addresses(sockets: Collection[str], table: str) -> list[str]:
    """Return the addresses at which sockets listen; 0.0.0.0 and :: are all of a machine's.

    Those at ports that the kernel chose send only: DDS listens at ports of its own.

    Args:
        sockets: Their numbers (inodes).
        table: `/proc/net/udp` and `udp6`, one after the other.
    """
    found = set()
    for line in table.splitlines():
        words = line.split()
        if len(words) > 9 and words[9] in sockets:
            address, _, port = words[1].partition(":")
            if int(port, 16) < _FIRST_CHOSEN_PORT:
                found.add(_address(address))
    return sorted(found)


def reach_finding(addresses: Iterable[str]) -> Finding:
    """Return whether DDS listens where it was meant to.

    Args:
        addresses: Where a node of this process's environment listens.
    """
    shown = sorted(set(addresses))
    what = f"DDS listens on {', '.join(shown) or 'no network'}"
    if all(ipaddress.ip_address(address).is_loopback for address in shown):
        return Finding(f"{what}: this machine alone", True)
    if os.environ.get(VARIABLE) == ANY:
        return Finding(f"{what}: open to the network, as {VARIABLE} says", True)
    if profile := _user_profile():
        return Finding(f"{what}: open to the network, as the profile '{profile}' says", True)
    remedy = f"use rmw_fastrtps_cpp, or close the network otherwise and set {VARIABLE}={ANY}"
    return Finding(f"{what}: open to the network, though it should not be", False, remedy)


def _user_profile() -> str:
    """Return the Fast DDS profile that takes the place of ours; empty: none."""
    files = [os.environ.get(name, "") for name in _PROFILE_VARIABLES]
    files = [f for f in files if f and f != str(profile_path())]
    return next((f for f in _PROFILES_HERE if Path(f).is_file()), "") or next(iter(files), "")


def _address(text: str) -> str:
    """Return an address from the kernel's table: words of the machine's own byte order."""
    data = bytes.fromhex(text)
    return str(
        ipaddress.ip_address(b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4)))
    )
