"""Messages that drivers and strangers send, as the nodes take them in."""

import math
import socket
import struct
import threading
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
from equigrasp_interfaces.msg import Experience
from sensor_msgs.msg import JointState as JointStateMsg
from tf2_msgs.msg import TFMessage

from equigrasp.config import load_config
from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.robot_description import find_description
from equigrasp.geometry.actions import PixelGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.hardware.ur.ur_version import controller_version
from equigrasp.learning.grasping.grasp_step import encode_grasp, quantize
from equigrasp.methods.registry import load_method
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.rectification import Rectifier
from equigrasp.planning.kinematics import Kinematics
from equigrasp.ros.messages.arrays import to_array_msgs
from equigrasp.ros.messages.experiences import from_experience_msg
from equigrasp.ros.messages.images import from_camera_info_msg, to_camera_info_msg
from equigrasp.ros.messages.joints import from_joint_state_msg
from equigrasp.ros.messages.transforms import to_transform_msg
from equigrasp.ros.remote.joint_history import JointHistory
from equigrasp.ros.runtime.frame_tree import FrameTree
from equigrasp.ros.runtime.ros_clock import Moment
from field_cases.case import Case, refused

_MODEL = CameraModel(64, 48, 60.0, 60.0, 32.0, 24.0)
_UP = Transform.from_rpy(np.array([0.0, 0.0, 1.0]), np.zeros(3))


def _tf(parent: str, child: str, **quaternion: float) -> TFMessage:
    message = to_transform_msg(_UP, 0.0, parent, child)
    for name, value in quaternion.items():
        setattr(message.transform.rotation, name, value)
    return TFMessage(transforms=[message])


def _zero_quaternion(_: Path) -> str:
    frames = FrameTree()
    assert not frames.add(_tf("base_link", "camera"))
    for value in (0.0, math.nan):
        problems = frames.add(_tf("base_link", "camera", w=value))
    assert frames.pose("base_link", "camera").position[2] == 1.0
    assert not problems, "named more than once"
    return "ignored, named once; the last sound pose holds"


def _world_chain(_: Path) -> str:
    frames = FrameTree()
    for parent, child in (("world", "base_link"), ("world", "mast"), ("mast", "camera")):
        assert not frames.add(_tf(parent, child))
    assert np.allclose(frames.pose("base_link", "camera").position, [0.0, 0.0, 1.0])
    return "found through the common frame"


def _long_frames(_: Path) -> str:
    frames = FrameTree()
    for number in range(3000):
        frames.add(_tf("p" * 100_000, f"{number}" + "c" * 100_000))
    assert not frames._links and sum(map(len, frames._ignored)) < 300_000
    return "not kept; named by 100 letters"


def _coefficients(_: Path) -> str:
    for count in (12, 14):
        info = to_camera_info_msg(_MODEL, 0.0, "camera")
        info.d, info.distortion_model = [0.01] * count, "rational_polynomial"
        model, distortion = from_camera_info_msg(info)
        Rectifier(model, distortion)
        assert len(distortion) == count
    return "straightened"


def _intrinsics_of_nan(_: Path) -> str:
    info = to_camera_info_msg(_MODEL, 0.0, "camera")
    info.k[0] = math.nan
    return refused(lambda: from_camera_info_msg(info), "must be finite")


def _no_velocities(_: Path) -> str:
    history, names = JointHistory(), ("a", "b")
    for i in range(20):
        message = JointStateMsg(name=list(names), position=[0.01 * i, 0.0])
        message.header.stamp.nanosec = 10_000_000 * i
        state = from_joint_state_msg(message, names)
        assert state is not None
        told = history.add(state, Moment(0.01 * i, 0.01 * i))
    assert told is not None and abs(told.velocities[0] - 1.0) < 1e-6
    return "speeds are taken from positions"


def _frozen_stamps(_: Path) -> str:
    history, names = JointHistory(), ("a",)
    for i in range(20_000):
        state = from_joint_state_msg(JointStateMsg(name=list(names), position=[1e-4 * i]), names)
        assert state is not None
        history.add(state, Moment(0.01 * i, 0.01 * i))
    assert len(history._samples) <= 2000
    return "the last 2000 are kept"


def _continuous_joints(folder: Path) -> str:
    config = load_config(CellConfig, "cells", "ur5")
    arm, gripper = config.load_arm(), config.load_gripper()
    root = ElementTree.parse(find_description(arm.urdf)).getroot()
    for joint in root.findall("joint"):
        if joint.get("name") in arm.joint_names:
            joint.set("type", "continuous")
    path = folder / "arm.urdf"
    ElementTree.ElementTree(root).write(path)
    home = np.asarray(arm.home_positions)
    found = Kinematics(replace(arm, urdf=str(path)), gripper).forward(home)
    assert np.allclose(found.matrix(), Kinematics(arm, gripper).forward(home).matrix())
    return "turn like any"


def _poisoned_experience(_: Path) -> str:
    tray = load_cell("ur5").workspaces[0]
    package, method = load_method("asr:tiny")
    spec = package.make_spec(method, tray)
    middle = tray.heightmap_size_px // 2
    arrays = {"heightmap": quantize(np.zeros((tray.heightmap_size_px,) * 2, np.float32))}
    action = encode_grasp(PixelGrasp(middle, middle, 0))

    def message(**changes: float) -> Experience:
        return Experience(
            observation=to_array_msgs(arrays), action=to_array_msgs(action), **changes
        )

    spec.check(from_experience_msg(message(reward=1.0)))
    bad = [message(reward=value) for value in (7.0, -1.0, math.nan, math.inf)]
    bad += [message(discount=math.nan), message(attempt_time=math.nan), Experience()]
    odd = [("shape", [1] * 100), ("shape", [2**32 - 1] * 2), ("dtype", "object"), ("dtype", ",;")]
    for name, value in odd:
        bad.append(message())
        setattr(bad[-1].observation[0], name, value)
    for one in bad:
        refused(lambda one=one: spec.check(from_experience_msg(one)))  # type: ignore[misc]
    return f"{len(bad)} of {len(bad)} refused, a sound one is taken"


def _polyscope_x(_: Path) -> str:
    host = "127.77.7.7"
    with socket.create_server((host, 30004)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(3)
                client.sendall(struct.pack(">HBIIII", 19, ord("v"), 10, 7, 1, 0))

        threading.Thread(target=answer, daemon=True).start()
        version = controller_version(host)
    assert version == (10, 7, 1), version
    return "recognised, and named as not driven"


CASES = [
    Case("zero quaternion, NaN in tf", "scipy raises, the process ends", _zero_quaternion),
    Case("camera hung from world", "only straight ways were walked", _world_chain),
    Case("3000 frames with names of 100 000 letters", "all kept: 600 MB", _long_frames),
    Case("camera model of 12, 14 coefficients", "refused: 4, 5 and 8 were known", _coefficients),
    Case("NaN in K", "went into every point", _intrinsics_of_nan),
    Case("joint states without velocities", "no speed, so no rest", _no_velocities),
    Case("joint states of one stamp", "kept for ever", _frozen_stamps),
    Case("URDF of continuous joints", "two numbers a joint, in pinocchio", _continuous_joints),
    Case("poisoned, malformed Experience", "the callback raises, the learner ends",
         _poisoned_experience),
    Case("PolyScope X", "no dashboard, without a word why", _polyscope_x),
]  # fmt: skip
