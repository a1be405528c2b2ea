"""Looks at a tray and chooses an action; takes over new weights between two choices."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from equigrasp_interfaces.msg import Experience, PolicyUpdate
from equigrasp_interfaces.msg import Grasp as GraspMsg
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg
from equigrasp_interfaces.srv import PlanAction, PlanGrasp
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import Image

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError, DeviceError, PerceptionError, WeightsError
from equigrasp.experiments.runs.pictures import draw_decision
from equigrasp.geometry.actions import Action, PlanarGrasp
from equigrasp.learning.announced_weights import load_announced, num_parameter_bytes
from equigrasp.learning.freeing_policy import FreeingPolicy
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import (
    Q_MAP,
    Attempt,
    Context,
    Decision,
    EmptyWorkspaceError,
    Mode,
)
from equigrasp.learning.method_names import DEFAULT_METHOD
from equigrasp.learning.pixel_policy import PixelPolicy
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import LABELS, Observation
from equigrasp.perception.segmentation import Segmenter, segmented
from equigrasp.ros import names, qos
from equigrasp.ros.messages.actions import to_action_msg, to_observation_msg
from equigrasp.ros.messages.heightmaps import to_heightmap_msg
from equigrasp.ros.messages.images import to_color_msg
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.remote.remote_camera import RemoteCamera
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter
from equigrasp.ros.runtime.ros_clock import RosClock

_MODES: dict[int, Mode] = {
    Experience.MODE_RANDOM: "random",
    Experience.MODE_TRAIN: "train",
    Experience.MODE_GREEDY: "greedy",
}

_MAX_FAILURES = 1000  # in a row; more of them change nothing


@dataclass(frozen=True)
class PolicyNodeConfig:
    """Parameters of the node."""

    cell: str = parameter("ur5", "Cell: a name below config/cells, or a YAML file.")
    method: str = parameter(DEFAULT_METHOD, "Method, such as asr/no_fcb, or a YAML file.")
    size: str = parameter("", "Size of its networks: compact, paper or tiny; empty: compact.")
    weights: str = parameter(
        "", "Weights to begin with: a name below models, or a file; empty: untrained."
    )
    out: str = parameter("results/run", "Run folder of the learner whose weights are taken over.")
    seed: int = parameter(0, "Seed of untrained weights.", 0, 2**62)
    image_timeout: float = parameter(3.0, "Longest wait for an image [s, wall clock].", 0.1, 60.0)
    camera_frame: str = parameter("overhead_optical_frame", "Frame of the depth image in tf.")
    num_threads: int = parameter(1, "CPU threads of a decision.", 1, 64)
    has_freeing_pushes: bool = parameter(
        False, "Whether what cannot be grasped is pushed free (docs/freeing_pushes.md)."
    )


class PolicyNode(ManagedNode):
    """Services `plan_action` and `plan_grasp`; publishes the heightmap and a picture of each decision."""

    def __init__(self) -> None:
        super().__init__(names.POLICY)
        self._settings = self.declare(PolicyNodeConfig)
        self._update: PolicyUpdate | None = None
        self._choices: tuple[Attempt, ...] = ()  # its last ones; a request says how many failed

    def set_up(self) -> None:
        """Build the networks and listen to the camera and the learner."""
        self._config = self._settings.values
        self._update, self._choices = None, ()
        torch.set_num_threads(self._config.num_threads)
        self._cell = load_cell(self._config.cell)
        self._method, method = load_method(self._config.method, self._config.size)
        modules = self._method.make_networks(method, self._config.seed)
        self._policy = self._method.make_policy(method, modules)
        spec = self._method.make_spec(method, self._cell.workspaces[0])
        self._segmenter = self._make_segmenter() if LABELS in spec.observation else None
        self._num_bytes = num_parameter_bytes(modules)
        if self._config.weights:
            path, cell = find_weights(self._config.weights), self._cell
            load_trained_weights(self._policy, path, method, cell.workspaces, cell.gripper, 0)
        if self._config.has_freeing_pushes and isinstance(self._policy, PixelPolicy):
            self._policy = FreeingPolicy(self._policy)
        self._camera = RemoteCamera(
            self,
            RosClock(self),
            self._config.camera_frame,
            has_color=False,
            has_depth=True,
            timeout=self._config.image_timeout,
        )
        self.create_subscription(
            PolicyUpdate,
            names.POLICY_UPDATE,
            self._on_update,
            qos.latched(),
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        self._heightmaps = self.create_publisher(HeightmapMsg, names.HEIGHTMAP, qos.reliable(2))
        self._pictures = self.create_publisher(Image, names.Q_MAP_IMAGE, qos.latched())
        self._grasps = self.create_publisher(GraspMsg, names.PLANNED_GRASP, qos.latched())
        group = MutuallyExclusiveCallbackGroup()
        self._plan_services = [
            self.create_service(kind, name, answer, callback_group=group)
            for kind, name, answer in (
                (PlanAction, names.PLAN_ACTION, self._plan_action),
                (PlanGrasp, names.PLAN_GRASP, self._plan_grasp),
            )
        ]

    def _make_segmenter(self) -> Segmenter:
        """Return the policy's own segmenter where it has learned one; else one that needs no learning."""
        own: Segmenter | None = getattr(self._policy, "segmenter", None)
        return own if own is not None and self._config.weights else DepthSegmenter()

    def _on_update(self, message: PolicyUpdate) -> None:
        self._update = message

    def _plan_action(
        self, request: PlanAction.Request, response: PlanAction.Response
    ) -> PlanAction.Response:
        chosen = self._choose(request, response)
        if chosen is not None:
            observation, decision = chosen
            response.action = to_action_msg(decision, observation)
            encode = self._method.encode  # nothing is learned from what a rule chose
            encoded = {} if decision.is_by_rule else encode(decision.aimed(observation))
            response.observation = to_observation_msg(encoded, observation)
            response.decision_time = decision.decision_time
        return response

    def _plan_grasp(
        self, request: PlanGrasp.Request, response: PlanGrasp.Response
    ) -> PlanGrasp.Response:
        before = self._choices
        chosen = self._choose(request, response)
        if chosen is None:
            return response
        observation, decision = chosen
        if not isinstance(decision.action, PlanarGrasp):
            self._choices = before  # nobody will carry it out
            return _refuse(
                response,
                response.NO_GRASP,
                f"Method '{self._method.name}' chose no grasp; call '{names.PLAN_ACTION}'.",
            )
        response.grasp = to_action_msg(decision, observation).grasp
        response.heightmap = to_heightmap_msg(observation)
        response.decision_time = decision.decision_time
        return response

    def _choose(self, request: Any, response: Any) -> tuple[Observation, Decision[Action]] | None:
        """Look and choose; None, with a code in the response: that was not possible."""
        code = PlanGrasp.Response
        try:
            if not self.is_active:
                _refuse(response, code.NOT_ACTIVE, "The policy node is not active.")
                return None
            if request.mode not in _MODES:
                text = f"Unknown mode {request.mode}; modes are {sorted(_MODES)}."
                _refuse(response, code.BAD_IMAGE, text)
                return None
            workspace = self._cell.workspace(request.workspace)
            self._take_over_weights()
            frame = self._camera.frame_since(from_time(request.not_before))
            heightmap = heightmap_from_depth(
                frame.depth, self._camera.model, self._camera.T_base_camera, workspace
            )
            observation = Observation.of_heightmap(heightmap, workspace, frame.stamp)
            if self._segmenter is not None:
                observation = segmented(observation, self._segmenter)
            history = last_failures(
                self._choices, min(request.num_consecutive_failures, _MAX_FAILURES)
            )
            context = Context(_MODES[request.mode], history)
            rng = np.random.default_rng(request.seed)
            decision = self._policy.choose(observation, context, rng)
            self._choices = (*history, decision.tried(workspace.name))
        except ConfigError as error:
            _refuse(response, code.UNKNOWN_WORKSPACE, str(error))
            return None
        except EmptyWorkspaceError as error:
            _refuse(response, code.EMPTY_WORKSPACE, str(error))
            return None
        except DeviceError as error:
            _refuse(response, code.NO_IMAGE, str(error))
            return None
        except PerceptionError as error:
            _refuse(response, code.BAD_IMAGE, str(error))
            return None
        self._show(observation, decision)
        return observation, decision

    def _show(self, observation: Observation, decision: Decision[Any]) -> None:
        self._heightmaps.publish(to_heightmap_msg(observation))
        if isinstance(decision.action, PlanarGrasp):
            self._grasps.publish(to_action_msg(decision, observation).grasp)
        if self._pictures.get_subscription_count() and Q_MAP in decision.views:
            picture = draw_decision(observation, decision)
            self._pictures.publish(to_color_msg(picture, observation.stamp, names.BASE_FRAME))

    def _take_over_weights(self) -> None:
        update, self._update = self._update, None
        if update is None or update.version == self._policy.version:
            return
        try:
            tensors = load_announced(
                Path(self._config.out) / "weights", update.file, update.sha256, update.version,
                self._policy.version, self._num_bytes,
            )  # fmt: skip
            self._policy.load(tensors, update.version, update.file)
        except WeightsError as error:
            self.get_logger().error(f"Keeping version {self._policy.version}: {error}")


def _refuse(response: Any, code: int, message: str) -> Any:
    response.error_code, response.error_msg = code, message
    return response


def main() -> None:
    """Run the node."""
    run(lambda: [PolicyNode()], num_threads=4)


if __name__ == "__main__":
    main()
