"""No thread of a node dies unseen: each is killed in turn, and the process must end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from domains import free_domain  # noqa: E402

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(180)]

# Runs a node, and raises an error in one of its threads once it is there. Prints all that are.
SCRIPT = """
import ctypes, importlib, rclpy, sys, threading, time
from sensor_msgs.msg import JointState
module, victim = sys.argv[1:3]
sys.argv = sys.argv[:1] + sys.argv[3:]

def strike():
    while not (found := [t for t in threading.enumerate() if t.name == victim]):
        time.sleep(0.05)
    time.sleep(1.0)
    print("threads:", ";".join(t.name for t in threading.enumerate()), flush=True)
    error = ctypes.py_object(RuntimeError)
    publisher = rclpy.create_node("waker").create_publisher(JointState, "joint_states", 10)
    while True:  # an error that strikes where one is expected, and passed over, is none: strike again
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(found[0].ident), error)
        for _ in range(100):  # a thread that waits for messages meets the error when one comes
            publisher.publish(JointState())
            time.sleep(0.1)

threading.Thread(target=strike, name="assassin", daemon=True).start()
importlib.import_module(module).main()
"""
THREADS = {
    "drivers.sim_bridge": (
        "spin sim_bridge", "spin arm", "spin gripper", "spin camera",
        "spin front_camera", "physics", "arm _publish_state", "gripper _publish_state",
    ),
    "training.policy": ("spin policy",),
    "executor.executor": ("spin executor", "joint states"),
    "training.collector": ("spin collector", "begin"),
    "training.learner": ("spin learner", "learner"),
}  # fmt: skip
HARMLESS = ("MainThread", "assassin", "start", "ThreadPoolExecutor-", "owner")


@pytest.mark.parametrize(
    ("module", "victim"), [(m, v) for m, victims in THREADS.items() for v in victims]
)
def test_a_thread_that_dies_ends_its_process(module: str, victim: str, tmp_path: Path) -> None:
    parameters = {
        "training.learner": [f"out:={tmp_path}/run", "method:=asr:tiny"],
        "training.policy": ["method:=asr:tiny"],
        "training.collector": ["num_attempts:=5"] if victim == "begin" else [],
    }
    options = [word for p in parameters.get(module, []) for word in ("-p", p)]
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, f"equigrasp.ros.{module}_node"]
    done = subprocess.run(
        [*command, victim, "--ros-args", *options],
        capture_output=True,
        text=True,
        timeout=150.0,
        env=os.environ
        | {
            "ROS_DOMAIN_ID": str(free_domain()),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        },
    )
    # Struck while it held a lock, a thread leaves an end that the kernel has to see to.
    assert done.returncode in (1, -signal.SIGALRM), done.stdout + done.stderr
    assert "RuntimeError" in done.stderr, done.stderr
    line = next(s for s in done.stdout.splitlines() if s.startswith("threads: "))
    others = {n for n in line.removeprefix("threads: ").split(";") if not n.startswith(HARMLESS)}
    assert others <= set(THREADS[module]), "a thread that no test kills"
