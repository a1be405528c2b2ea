"""What the environment variables make of an installation; imports nothing that they could break."""

import importlib.util
import os
import subprocess
import sys
import traceback
from pathlib import Path

from equigrasp.devices.finding import Finding
from equigrasp.diagnosis.network import choose_network, listening_addresses, reach_finding
from equigrasp.errors import ConfigError, shortened
from equigrasp.private_folder import temporary_folder

_LARGEST_DOMAIN = 232
_SAFE_DOMAIN = 101  # beyond it ports meet those that Linux gives to others
# Starts a node, and tells its sockets and the kernel's table of them.
_PROBE = """
import os, rclpy
rclpy.init()
node = rclpy.create_node("equigrasp_doctor", start_parameter_services=False)
files = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
links = [os.readlink(f) for f in files if os.path.islink(f)]
print(" ".join(link[8:-1] for link in links if link.startswith("socket:")))
for name in ("udp", "udp6"):
    if os.path.exists(f"/proc/self/net/{name}"):
        print(open(f"/proc/self/net/{name}").read())
rclpy.shutdown()
"""
_PROBE_TIMEOUT = 60.0  # [s]
_OWN_ROOT = Path(__file__).resolve().parents[2]


def examine_environment() -> list[Finding]:
    """Return whether ROS can start, and who reaches it; after a bad finding come no more."""
    domain = _domain()
    if not domain.is_ok:
        return [domain]
    remedy = remedy_for("rclpy", "make setup, or source your ROS 2 Jazzy")
    if os.environ.get("RMW_IMPLEMENTATION"):
        remedy = "unset RMW_IMPLEMENTATION, or install and source what it names"
    try:
        prepare_ros()
        sockets, _, table = _check_middleware().partition("\n")
    except ConfigError as error:
        return [domain, Finding(str(error), False, remedy)]
    reach = reach_finding(listening_addresses(sockets.split(), table))
    return [domain, Finding("ROS starts", True), reach]


def ros_domain() -> int:
    """Return the ROS domain of this process.

    Raises:
        ConfigError: if the environment names none that exists.
    """
    text = os.environ.get("ROS_DOMAIN_ID", "") or "0"
    is_number = text.isascii() and text.isdigit() and len(text) <= 9
    if not (is_number and int(text) <= _LARGEST_DOMAIN):
        raise ConfigError(
            f"ROS_DOMAIN_ID '{shortened(text, 50)}' is not a whole number from 0 to {_LARGEST_DOMAIN}."
        )
    return int(text)


def prepare_ros() -> None:
    """See to it that ROS can start in this process, and those that it starts.

    Its nodes are reached from this machine alone, unless the environment says otherwise
    (`choose_network`). Without a home that can be written to, ROS's own log goes to the user's
    temporary folder.

    Raises:
        ConfigError: if the environment names no ROS domain, network or Fast DDS profile that exists.
    """
    ros_domain()
    choose_network()
    if not _can_log():
        os.environ["ROS_LOG_DIR"] = str(temporary_folder("ros_log"))


def check_ros() -> None:
    """Prepare ROS, and see whether the middleware is there; before `rclpy` is imported.

    Where the wrong one is named, `rclpy` would end this process without an exception.

    Raises:
        ConfigError: if ROS cannot start; says why.
    """
    prepare_ros()
    if os.environ.get("RMW_IMPLEMENTATION"):
        _check_middleware()


def foreign_folder(package: str) -> str:
    """Return the folder of PYTHONPATH from which a package would be taken; empty: from none."""
    try:
        spec = importlib.util.find_spec(package.partition(".")[0])
    except (ImportError, ValueError, AttributeError):
        return ""
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or [])]
    return next(filter(None, map(_entry_of, filter(None, places))), "")


def _entry_of(place: str) -> str:
    """Return the entry of PYTHONPATH that a file lies in; empty: none, or our own."""
    for entry in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        folder = Path(entry).resolve()
        is_ours = folder == _OWN_ROOT or Path(sys.prefix).resolve() in folder.parents
        if not is_ours and folder in Path(place).resolve().parents:
            return entry
    return ""


def remedy_for(package: str, otherwise: str) -> str:
    """Return how to fix a package that cannot be imported."""
    if folder := foreign_folder(package):
        return f"it is taken from PYTHONPATH: remove '{folder}' from it, or unset PYTHONPATH"
    return otherwise


def import_problem(error: Exception) -> Finding:
    """Return why our own modules cannot be imported: an error of a package that they need."""
    what = f"equigrasp cannot be imported: {type(error).__name__}: {error}"
    if foreign := foreign_cause(error):
        return Finding(what, False, f"unset PYTHONPATH: from it comes {foreign}")
    return Finding(what, False, "make setup")


def foreign_cause(error: Exception) -> str:
    """Return what comes from PYTHONPATH, and may have raised an error: a file or a package; empty: nothing."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        files.append(error.filename or "")
    wanted = [error.name or ""] if isinstance(error, ImportError) else []
    loaded = sorted({name.partition(".")[0] for name in sys.modules} - {"equigrasp"})
    foreign = [name for name in files if _entry_of(name)]
    foreign += [name for name in filter(None, (*wanted, *loaded)) if foreign_folder(name)]
    return foreign[0] if foreign else ""


def _domain() -> Finding:
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST for our nodes")
    remedy = f"set ROS_DOMAIN_ID to 0 … {_SAFE_DOMAIN}, the same for every node"
    try:
        domain = ros_domain()
    except ConfigError as error:
        return Finding(str(error), False, remedy)
    is_ok = domain <= _SAFE_DOMAIN
    return Finding(f"ROS domain {domain}, discovery range {reach}", is_ok, remedy)


def _can_log() -> bool:
    """Tell whether ROS can write its log where it would; makes the folder, as ROS does."""
    try:
        home = Path(os.environ.get("ROS_HOME") or Path.home() / ".ros")
        folder = Path(os.environ.get("ROS_LOG_DIR") or home / "log").expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: nobody knows this user's home
        return False
    return os.access(folder, os.W_OK)


def _check_middleware() -> str:
    """Return what the probe tells; raise `ConfigError` if it fails."""
    wanted = os.environ.get("RMW_IMPLEMENTATION") or "its own"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"ROS cannot start with middleware '{wanted}': {error}") from error
    if probe.returncode == 0:
        return probe.stdout.decode(errors="replace")
    lines = probe.stderr.decode(errors="replace").strip().splitlines() or ["no word of why"]
    why = next((line for line in reversed(lines) if line.strip()), "no word of why")
    raise ConfigError(f"ROS cannot start with middleware '{wanted}': {why.strip()}")
