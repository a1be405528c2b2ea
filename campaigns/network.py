"""Whether another machine reaches a robot's ROS graph: two network namespaces stand for two machines.

sudo .venv/bin/python campaigns/network.py

A simulated robot runs in one namespace. A guest in the other, with shared memory of its own, asks the robot's address
(`ROS_STATIC_PEERS`) and listens for its multicast. Needs Linux, `ip` and `unshare`, and the right to make namespaces.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from equigrasp.diagnosis.network import ANY, THIS_MACHINE, VARIABLE
from equigrasp.ros import names

_ROBOT, _GUEST = f"eg{os.getpid()}r", f"eg{os.getpid()}g"
_ADDRESSES = {_ROBOT: "10.213.7.1", _GUEST: "10.213.7.2"}
_DOMAIN = "42"  # of namespaces of our own: nobody else is there
_PATIENCE = 90.0  # [s] for the robot to be seen by its own machine
# Names every node that is found until the wanted one is, or time is up.
_LOOK = """
import os, sys, time, rclpy
rclpy.init()
node = rclpy.create_node("looker", start_parameter_services=False)
end, wanted, seen = time.monotonic() + float(sys.argv[1]), sys.argv[2], set()
while time.monotonic() < end and wanted not in seen:
    seen |= set(node.get_node_names()) - {"looker"}
    time.sleep(0.05)
print("SEEN", *sorted(seen), flush=True)
os._exit(0)
"""
# What the robot runs under, what the guest may rely on beside the address, and whether the guest is to see it.
CASES = (
    (ANY, "", "", True),
    (ANY, "LOCALHOST", "", True),  # discovery range alone is no wall
    (THIS_MACHINE, "", "", False),
    (THIS_MACHINE, "SUBNET", "", False),
    (THIS_MACHINE, "LOCALHOST", "", False),
    (THIS_MACHINE, "", "a neighbour that is open", False),
    (THIS_MACHINE, "SUBNET", "a neighbour that is open", False),
)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextlib.contextmanager
def namespaces() -> Iterator[None]:
    """Make two namespaces with one cable between them, and take them away at the end.

    Raises:
        OSError, subprocess.CalledProcessError: if this process may not, or tools are missing.
    """
    made = []
    try:
        for name in (_ROBOT, _GUEST):
            _run("ip", "netns", "add", name)
            made.append(name)
        _run("ip", "link", "add", _ROBOT, "type", "veth", "peer", "name", _GUEST)
        for name, address in _ADDRESSES.items():
            _run("ip", "link", "set", name, "netns", name)
            inside = ("ip", "-n", name)
            _run(*inside, "addr", "add", f"{address}/24", "dev", name)
            _run(*inside, "link", "set", name, "up")
            _run(*inside, "link", "set", "lo", "up")
            _run(*inside, "route", "add", "default", "dev", name)  # for multicast
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def start(
    namespace: str, code: list[str], log: Path, **variables: str
) -> "subprocess.Popen[bytes]":
    """Start Python in a namespace, without what this process's environment says of ROS's network."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("ROS_", "FASTRTPS", "FASTDDS"))
    }
    # Two machines share no memory: a namespace of mounts hides the other's.
    own_memory = (
        'mount -t tmpfs tmpfs /dev/shm && exec "$@"' if namespace == _GUEST else 'exec "$@"'
    )
    command = ["ip", "netns", "exec", namespace, "unshare", "-m", "sh", "-c", own_memory, "sh"]
    with log.open("ab") as file:
        return subprocess.Popen(
            [*command, sys.executable, "-W", "ignore", *code],
            env=kept | {"ROS_DOMAIN_ID": _DOMAIN} | {k: v for k, v in variables.items() if v},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


def look(namespace: str, patience: float, folder: Path, **variables: str) -> list[str]:
    """Return the nodes that a plain node of a namespace finds until it finds the robot's arm."""
    log = folder / f"look_{time.monotonic_ns()}.log"
    process = start(namespace, ["-c", _LOOK, str(patience), names.ARM], log, **variables)
    process.wait(patience + 30.0)
    lines = [x for x in log.read_text(errors="replace").splitlines() if x.startswith("SEEN")]
    assert lines, f"the looker failed: {log.read_text(errors='replace')[-500:]}"
    return lines[-1].split()[1:]


def try_case(
    network: str, reach: str, neighbour: str, patience: float, folder: Path
) -> tuple[list[str], float]:
    """Return what the guest sees of a simulated robot, and when its own machine saw it [s]."""
    how = {VARIABLE: network, "ROS_AUTOMATIC_DISCOVERY_RANGE": reach}
    module = f"equigrasp.ros.drivers.{names.SIM_BRIDGE}_node"
    began = time.monotonic()
    processes = [start(_ROBOT, ["-m", module], folder / "robot.log", **how)]
    try:
        if neighbour:  # joins multicast on all interfaces; the kernel may hand that to everybody
            code = ["-c", _LOOK, str(_PATIENCE + 2 * patience), "nobody"]
            processes.append(start(_ROBOT, code, folder / "neighbour.log"))
        at_home = look(_ROBOT, _PATIENCE, folder)
        start_time = time.monotonic() - began
        assert names.ARM in at_home, f"its own machine sees {at_home or 'no node'}"
        peers = _ADDRESSES[_ROBOT]
        seen = look(_GUEST, patience, folder, ROS_STATIC_PEERS=peers)
        return seen, start_time
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60.0)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Try every case; return 1 if one is not as it should be, 0 also where nothing could be tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--patience", type=float, default=10.0, help="seconds that the guest looks [10]"
    )
    options = parser.parse_args()
    try:
        with namespaces(), tempfile.TemporaryDirectory() as name:
            return _campaign(Path(name), options.patience)
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", b"") or b""
        say(f"SKIPPED: no network namespaces here: {error} {told.decode(errors='replace')}")
        return 0


def _campaign(folder: Path, patience: float) -> int:
    say(
        "| network | discovery range | beside the robot | seen at home after | the guest sees | as it should be |"
    )
    say("|---|---|---|---|---|---|")
    is_well = True
    for network, reach, neighbour, is_seen in CASES:
        seen, start_time = try_case(network, reach, neighbour, patience, folder)
        is_right = (names.ARM in seen) == is_seen
        is_well &= is_right
        found = ", ".join(seen) or "no node"
        cells = (network, reach or "not set", neighbour or "–", f"{start_time:.1f} s", found)
        say(f"| {' | '.join(cells)} | {'yes' if is_right else 'NO'} |")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
