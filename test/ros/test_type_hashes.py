"""The standard interfaces have the type hashes of the real Jazzy packages.

DDS endpoints whose hashes differ are of different types, so a wrong field here would mean that no
vendor's driver answers. The numbers were read off builds of the real packages, not off ours.
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
    "control_msgs/msg/GripperCommand": (
        "57eb8f326c9889ca8bb34ead82cc94cc09bf6bc5c3b6c09546dca3a00b589890"
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
