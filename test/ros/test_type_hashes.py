"""The standard interfaces have the type hashes of the real Jazzy packages.

Equal hashes mean equal fields. With a wrong field a vendor's driver would misread our messages, or,
over Zenoh, never connect. The numbers were read off builds of the real packages; those marked "fields
compared" off ours, after its definitions had been compared with the real ones word by word.
"""

import importlib
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")

HASHES = {
    "control_msgs/action/FollowJointTrajectory": (
        "738ebcb7a2d7cfa42f9f1001cc99ce3a4383d1cfe508015d9be8485e4b1c66f6"
    ),
    "control_msgs/action/FollowJointTrajectory_Goal": (
        "8a9060704b269608f5a340934cc26e66869dd14bdac29e2e7fd9ec8b9882d205"
    ),
    "control_msgs/action/FollowJointTrajectory_Result": (
        "8002e99ed2c14c6faa522f2a93c26d744c5982f254f9e98ff9c6f19789bdb220"
    ),
    "control_msgs/action/GripperCommand": (
        "e17c0e644eccf14bea84a0a93e0977182872c2eb7873ca6694900059b46dbc84"
    ),
    "control_msgs/action/ParallelGripperCommand": (  # fields compared
        "adfd3c1ebe8abc38ebcc0e454b6423d291d4010dd5697d14eca5b9be4726ae18"
    ),
    "control_msgs/msg/JointTrajectoryControllerState": (  # fields compared
        "51d8dd89cc624cbe9daaeeb4d80d6de9b86168ffdc3be41fefc0953e3c26e480"
    ),
    "control_msgs/msg/GripperCommand": (
        "57eb8f326c9889ca8bb34ead82cc94cc09bf6bc5c3b6c09546dca3a00b589890"
    ),
    "tf2_msgs/action/LookupTransform": (  # fields compared
        "0b8adf6bc0b5958879e3265b41a457e03558fe523890a81252c70eba97a82c5d"
    ),
    "tf2_msgs/msg/TF2Error": "db2485e7d6a0ec75bf087e058ee45df682acc3a621ca7780503d10aac141809a",
    "tf2_msgs/srv/FrameGraph": (  # fields compared
        "0d1fbc6222c018ba5f33822904a2fdd4063705289956d3fdde07cd8c50fe8067"
    ),
    "tf2_msgs/msg/TFMessage": "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
}


@pytest.mark.parametrize("type_name", HASHES)
def test_type_hash_is_that_of_the_real_package(type_name: str) -> None:
    assert _installed_hash(type_name) == f"RIHS01_{HASHES[type_name]}"


def _installed_hash(type_name: str) -> str:
    package, kind, name = type_name.split("/")
    module = Path(importlib.import_module(package).__file__ or "").resolve()
    file_name = f"{name.partition('_')[0]}.json"  # an action's parts share its file
    for prefix in module.parents:
        path = prefix / "share" / package / kind / file_name
        if path.is_file():
            hashes = json.loads(path.read_text(encoding="utf-8"))["type_hashes"]
            return {h["type_name"]: h["hash_string"] for h in hashes}[type_name]
    raise AssertionError(f"No type description of {type_name} above {module}.")
