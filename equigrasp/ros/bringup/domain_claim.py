"""One graph to a ROS domain: a second one is refused before anything starts.

On one machine the kernel tells, at once and for every user: a socket in its own name space (Linux), which
is gone with its holder, however that ends. Graphs of other machines are looked for in the ROS graph.
"""

import contextlib
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.node import Node

from equigrasp.diagnosis.environment import ros_domain
from equigrasp.errors import ConfigError, shortened
from equigrasp.ros import names

_LOOK_TIME = 2.0  # [s] in which DDS finds whoever is there
_ANSWER_TIMEOUT = 1.0  # [s] for the holder to say what it runs
_NUM_TRIES = 5  # the holder may end between two looks
_LONGEST_ANSWER = 4096  # bytes
_claims: dict[bytes, socket.socket] = {}  # until this process ends


def claim_domain(run: str, namespace: str = "/") -> None:
    """Hold this process's ROS domain and namespace for one graph until the process ends.

    Args:
        run: Run folder, told to whoever is refused.
        namespace: Of the graph's nodes.

    Raises:
        ConfigError: if another process of this machine holds it.
    """
    domain = ros_domain()
    if not sys.platform.startswith("linux"):
        return
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:16]
    address = f"\0equigrasp-domain-{domain}-{digest}".encode()
    if address in _claims:
        return
    for _ in range(_NUM_TRIES):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(address)
        except OSError:
            holder.close()
            other = _ask(address)
            if other:
                raise ConfigError(_refusal(domain, namespace, other)) from None
            continue
        holder.listen(8)
        _claims[address] = holder
        values = json.dumps({"run": str(Path(run).resolve())}).encode()[:_LONGEST_ANSWER]
        threading.Thread(
            target=_answer, args=[holder, values], name="domain claim", daemon=True
        ).start()
        return
    raise ConfigError(_refusal(domain, namespace, "a process that gives no answer"))


def check_graph(wanted: Collection[str], namespace: str = "/") -> None:
    """Look for the nodes of another graph under the names that this one is about to take.

    Args:
        wanted: Names of nodes.
        namespace: Of the graph's nodes.

    Raises:
        ConfigError: if one is found.
    """
    known, context = {*wanted, names.SUPERVISOR}, Context()
    rclpy.init(context=context)
    try:
        node = Node("domain_look", context=context, start_parameter_services=False)
        deadline = time.monotonic() + _LOOK_TIME
        found: set[str] = set()
        while not found and time.monotonic() < deadline:
            time.sleep(0.05)
            seen = node.get_node_names_and_namespaces()
            found = {name for name, place in seen if place == namespace} & known
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
    if found:
        what = (
            f"nodes of another graph, or of one that is still ending ({', '.join(sorted(found))})"
        )
        raise ConfigError(_refusal(ros_domain(), namespace, what))


def _answer(holder: socket.socket, values: bytes) -> None:
    while True:
        with contextlib.suppress(OSError):
            client, _ = holder.accept()
            with client:
                client.sendall(values)


def _ask(address: bytes) -> str:
    """Return who holds a domain, for people; empty: nobody any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_TIMEOUT)
        try:
            client.connect(address)
        except OSError:
            return ""
        # The number is the kernel's word; the rest is the holder's.
        pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        text = f"process {pid}"
        run = _run_of(client)
        return f"{text}, run folder {run}" if run else text


def _run_of(client: socket.socket) -> str:
    data = b""
    try:
        while (piece := client.recv(_LONGEST_ANSWER)) and len(data) <= _LONGEST_ANSWER:
            data += piece
        values: Any = json.loads(data)
        run = str(values["run"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return shortened("".join(c if c.isprintable() else "?" for c in run), 500)


def _refusal(domain: int, namespace: str, other: str) -> str:
    return (
        f"ROS domain {domain}, namespace {namespace}, is taken by {other}. Two graphs in one domain would "
        f"command one robot. Nothing was started: end the other, or set ROS_DOMAIN_ID={(domain + 1) % 102}."
    )
