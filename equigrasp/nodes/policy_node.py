"""Looks at a tray and chooses a grasp; takes over new weights between two choices."""

import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from equigrasp_interfaces.msg import Experience, PolicyUpdate
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg
from equigrasp_interfaces.srv import PlanGrasp
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError, PerceptionError, WeightsError
from equigrasp.experiments.pictures import draw_decision
from equigrasp.geometry.transform import Transform
from equigrasp.learning.interfaces import Decision, EmptyWorkspaceError, Mode
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.learning.weight_store import load_weights
from equigrasp.methods.registry import load_method
from equigrasp.nodes import names, qos
from equigrasp.nodes.conversions import (
    from_camera_info_msg,
    from_depth_msg,
    from_time,
    to_color_msg,
    to_grasp_msg,
    to_heightmap_msg,
)
from equigrasp.nodes.image_stamps import stamp_problem
from equigrasp.nodes.managed_node import ManagedNode, run
from equigrasp.nodes.parameters import declare, parameter
from equigrasp.nodes.ros_clock import RosClock
from equigrasp.nodes.static_frames import StaticFrames
from equigrasp.paths import find_weights
from equigrasp.perception.camera_model import CameraModel
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import Observation

_MODES: dict[int, Mode] = {
    Experience.MODE_RANDOM: "random",
    Experience.MODE_TRAIN: "train",
    Experience.MODE_GREEDY: "greedy",
}


@dataclass(frozen=True)
class PolicyNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    method: str = parameter("asr_compact", "Method: a name below config/methods, or a YAML file.")
    weights: str = parameter(
        "", "Weights to begin with: a name below models, or a file; empty: untrained."
    )
    seed: int = parameter(0, "Seed of untrained weights.", 0, 2**62)
    image_timeout: float = parameter(3.0, "Longest wait for an image [s, wall clock].", 0.1, 60.0)
    camera_frame: str = parameter("overhead_optical_frame", "Frame of the depth image in tf.")
    num_threads: int = parameter(1, "CPU threads of a decision.", 1, 64)


class PolicyNode(ManagedNode):
    """Service `plan_grasp`; publishes the heightmap and a picture of each decision."""

    def __init__(self) -> None:
        super().__init__(names.POLICY)
        self._config = declare(self, PolicyNodeConfig)
        self._image_arrived = threading.Condition()
        self._newest_image: bytes | None = None
        self._depth: Image | None = None
        self._model: CameraModel | None = None
        self._frames = StaticFrames()
        self._pose: Transform | None = None
        self._update: PolicyUpdate | None = None
        self._robot_clock = RosClock(self)

    def set_up(self) -> None:
        """Build the networks and listen to the camera and the learner."""
        torch.set_num_threads(self._config.num_threads)
        self._cell = load_cell(self._config.cell)
        package, method = load_method(self._config.method)
        modules = package.make_networks(method, self._config.seed)
        self._policy = package.make_policy(method, modules)
        if self._config.weights:
            path, cell = find_weights(self._config.weights), self._cell
            load_trained_weights(self._policy, path, method, cell.workspaces, cell.gripper, 0)
        group = MutuallyExclusiveCallbackGroup()
        listen = self.create_subscription
        self._subscriptions_ = [
            listen(Image, names.DEPTH_IMAGE, self._on_depth, qos.sensor_data(), callback_group=group, raw=True),
            listen(CameraInfo, names.CAMERA_INFO, self._on_info, qos.sensor_data(), callback_group=group),
            listen(TFMessage, names.TF_STATIC, self._on_tf, qos.latched(10), callback_group=group),
            listen(PolicyUpdate, names.POLICY_UPDATE, self._on_update, qos.latched(), callback_group=group),
        ]  # fmt: skip
        self._heightmaps = self.create_publisher(HeightmapMsg, names.HEIGHTMAP, qos.reliable(2))
        self._pictures = self.create_publisher(Image, names.Q_MAP_IMAGE, qos.reliable(2))
        self._service = self.create_service(
            PlanGrasp,
            names.PLAN_GRASP,
            self._plan,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    def _on_depth(self, serialized: bytes) -> None:
        """Keep the newest image as it came; only one that is asked for is decoded."""
        with self._image_arrived:
            self._newest_image = serialized
            self._image_arrived.notify_all()

    def _on_info(self, message: CameraInfo) -> None:
        try:
            self._model = from_camera_info_msg(message)
        except ConfigError as error:  # a camera that was never calibrated
            self.get_logger().error(str(error), throttle_duration_sec=5.0)

    def _on_tf(self, message: TFMessage) -> None:
        self._frames.add(message)
        self._pose = self._frames.pose(names.BASE_FRAME, self._config.camera_frame)

    def _on_update(self, message: PolicyUpdate) -> None:
        self._update = message

    def _plan(
        self, request: PlanGrasp.Request, response: PlanGrasp.Response
    ) -> PlanGrasp.Response:
        code = PlanGrasp.Response
        try:
            if not self.is_active:
                return _refuse(response, code.NOT_ACTIVE, "The policy node is not active.")
            if request.mode not in _MODES:
                return _refuse(response, code.BAD_IMAGE, f"Unknown mode {request.mode}.")
            workspace = self._cell.workspace(request.workspace)
            self._take_over_weights()
            image = self._wait_for_image(from_time(request.not_before))
            if image is None or self._model is None or self._pose is None:
                why = self._why_no_image(from_time(request.not_before))
                return _refuse(response, code.NO_IMAGE, why)
            depth = from_depth_msg(image)
            heightmap = heightmap_from_depth(depth, self._model, self._pose, workspace)
            observation = Observation(heightmap, workspace, from_time(image.header.stamp))
            decision = self._policy.choose(
                observation,
                np.random.default_rng(request.seed),
                _MODES[request.mode],
                request.num_consecutive_failures,
            )
        except ConfigError as error:
            return _refuse(response, code.UNKNOWN_WORKSPACE, str(error))
        except EmptyWorkspaceError as error:
            return _refuse(response, code.EMPTY_WORKSPACE, str(error))
        except PerceptionError as error:
            return _refuse(response, code.BAD_IMAGE, str(error))
        return self._answer(response, observation, decision)

    def _answer(
        self, response: PlanGrasp.Response, observation: Observation, decision: Decision
    ) -> PlanGrasp.Response:
        response.heightmap = to_heightmap_msg(observation)
        response.grasp = to_grasp_msg(
            decision.grasp,
            observation.workspace.name,
            observation.stamp,
            decision.pixel,
            decision.q_value,
            decision.policy_version,
        )
        response.decision_time = decision.decision_time
        self._heightmaps.publish(response.heightmap)
        if self._pictures.get_subscription_count():
            picture = draw_decision(observation, decision)
            self._pictures.publish(to_color_msg(picture, observation.stamp, names.BASE_FRAME))
        return response

    def _take_over_weights(self) -> None:
        update, self._update = self._update, None
        if update is None or update.version == self._policy.version:
            return
        try:
            tensors, _ = load_weights(Path(update.file), update.sha256)
            self._policy.load(tensors, update.version, update.file)
        except WeightsError as error:
            self.get_logger().error(f"Keeping version {self._policy.version}: {error}")

    def _wait_for_image(self, not_before: float) -> Image | None:
        deadline = time.monotonic() + self._config.image_timeout
        with self._image_arrived:
            while time.monotonic() < deadline:
                newest = self._decode_newest()
                if newest is not None and not self._problem(not_before):
                    if self._model is not None and self._pose is not None:
                        return newest
                self._image_arrived.wait(0.1)
        return None

    def _decode_newest(self) -> Image | None:
        serialized, self._newest_image = self._newest_image, None
        if serialized is not None:
            self._depth = deserialize_message(serialized, Image)
        return self._depth

    def _problem(self, not_before: float) -> str:
        stamp = math.nan if self._depth is None else from_time(self._depth.header.stamp)
        return stamp_problem(stamp, not_before, self._robot_clock.stamp())

    def _why_no_image(self, not_before: float) -> str:
        lacks = [n for n, v in (("camera_info", self._model), ("tf", self._pose)) if v is None]
        return (
            f"No depth image on '{names.DEPTH_IMAGE}' within {self._config.image_timeout} s "
            f"({self._problem(not_before)}; missing: {', '.join(lacks) or 'nothing else'})."
        )


def _refuse(response: PlanGrasp.Response, code: int, message: str) -> PlanGrasp.Response:
    response.error_code, response.error_msg = code, message
    return response


def main() -> None:
    """Run the node."""
    run(lambda: [PolicyNode()], num_threads=4)


if __name__ == "__main__":
    main()
