"""Looks at a tray and chooses an action; takes over new weights between two choices."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from equigrasp_interfaces.msg import Grasp as GraspMsg
from equigrasp_interfaces.msg import Heightmap as HeightmapMsg
from equigrasp_interfaces.msg import LabelMap, PolicyUpdate
from equigrasp_interfaces.msg import Push as PushMsg
from equigrasp_interfaces.srv import PlanAction, PlanGrasp, PlanPushGrasp, SegmentScene
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from sensor_msgs.msg import Image

from equigrasp.devices.calibrated_cell import load_cell
from equigrasp.errors import ConfigError, DeviceError, PerceptionError, WeightsError
from equigrasp.experiments.runs.pictures import draw_decision, draw_push_map
from equigrasp.geometry.actions import Action, PlanarGrasp, Push
from equigrasp.learning.announced_weights import load_announced, num_parameter_bytes
from equigrasp.learning.freeing_policy import with_pushes
from equigrasp.learning.history import last_failures
from equigrasp.learning.interfaces import (
    PUSH_MAP,
    Q_MAP,
    Attempt,
    Context,
    Decision,
)
from equigrasp.learning.method_names import DEFAULT_METHOD
from equigrasp.learning.trained_weights import load_trained_weights
from equigrasp.methods.registry import load_method
from equigrasp.paths import find_weights
from equigrasp.perception.depth_segmenter import DepthSegmenter
from equigrasp.perception.heightmap import heightmap_from_depth
from equigrasp.perception.observation import LABELS, TARGET, Observation
from equigrasp.perception.segmentation import Segmenter, segmented
from equigrasp.ros import names, qos
from equigrasp.ros.messages.actions import to_action_msg, to_observation_msg
from equigrasp.ros.messages.heightmaps import to_heightmap_msg
from equigrasp.ros.messages.images import to_color_msg
from equigrasp.ros.messages.scenes import to_label_map_msg
from equigrasp.ros.messages.times import from_time
from equigrasp.ros.remote.remote_camera import RemoteCamera
from equigrasp.ros.runtime.managed_node import ManagedNode, run
from equigrasp.ros.runtime.parameters import parameter
from equigrasp.ros.runtime.ros_clock import RosClock
from equigrasp.ros.training.plan_codes import PlanError, mode_of, plan_code
from equigrasp.ros.training.remote_segmenter import RemoteSegmenter
from equigrasp.ros.training.target_plans import TargetPlans

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
    out: str = parameter("results/run", "Run folder of the learner whose weights are loaded.")
    seed: int = parameter(0, "Seed of untrained weights.", 0, 2**62)
    image_timeout: float = parameter(3.0, "Longest wait for an image [s, wall clock].", 0.1, 60.0)
    camera_frame: str = parameter("overhead_optical_frame", "Frame of the depth image in tf.")
    num_threads: int = parameter(1, "CPU threads of a decision.", 1, 64)
    segmenter: str = parameter(
        "", "Service (SegmentScene) of another node that labels scenes; empty: this node does."
    )
    segmenter_timeout: float = parameter(
        3.0, "Longest wait for that node's labels [s, wall clock].", 0.1, 60.0
    )
    has_freeing_pushes: bool = parameter(
        False, "Whether what cannot be grasped is pushed free (docs/freeing_pushes.md)."
    )


class PolicyNode(ManagedNode):
    """Services `plan_action`, `plan_grasp`, `plan_push_grasp` and `segment_scene`; shows what it sees and chose."""

    def __init__(self) -> None:
        super().__init__(names.POLICY)
        self._settings = self.declare(PolicyNodeConfig)
        self._update: PolicyUpdate | None = None
        self._choices: tuple[Attempt, ...] = ()  # its last ones; a request says how many failed
        self._is_halted = threading.Event()

    def set_up(self) -> None:
        """Build the networks and listen to the camera and the learner."""
        self._config = self._settings.values
        self._update, self._choices = None, ()
        torch.set_num_threads(self._config.num_threads)
        self._cell = load_cell(self._config.cell)
        self._method, method = load_method(self._config.method, self._config.size)
        modules = self._method.make_networks(method, self._config.seed)
        self._policy = self._method.make_policy(method, modules)
        self._sees = self._method.make_spec(method, self._cell.workspaces[0]).observation
        self._segmenter = self._make_segmenter()
        self._num_bytes = num_parameter_bytes(modules)
        if self._config.weights:
            path, cell = find_weights(self._config.weights), self._cell
            load_trained_weights(self._policy, path, method, cell.workspaces, cell.gripper, 0)
        if self._config.has_freeing_pushes:
            acting = getattr(method, "acting", None)
            self._policy = with_pushes(self._policy, acting, self.get_logger().info)
        clock = RosClock(self)
        self._camera = RemoteCamera(
            self,
            clock,
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
        self._out = {
            name: self.create_publisher(kind, name, profile)
            for kind, name, profile in (
                (HeightmapMsg, names.HEIGHTMAP, qos.reliable(2)),
                (LabelMap, names.LABELS, qos.latched()),
                (Image, names.Q_MAP_IMAGE, qos.latched()),
                (Image, names.PUSH_MAP_IMAGE, qos.latched()),
                (GraspMsg, names.PLANNED_GRASP, qos.latched()),
                (PushMsg, names.PLANNED_PUSH, qos.latched()),
            )
        }
        self._targets = TargetPlans(
            self._look, self._choose, clock.stamp, self._segmenter,
            takes_targets=TARGET in self._sees,
        )  # fmt: skip
        group = MutuallyExclusiveCallbackGroup()
        self._plan_services = [
            self.create_service(kind, name, self._answering(work), callback_group=group)
            for kind, name, work in (
                (PlanAction, names.PLAN_ACTION, self._plan_action),
                (PlanGrasp, names.PLAN_GRASP, self._plan_grasp),
                (PlanPushGrasp, names.PLAN_PUSH_GRASP, self._plan_push_grasp),
                (SegmentScene, names.SEGMENT_SCENE, self._segment_scene),
            )
        ]

    def start(self) -> None:
        """Begin to answer."""
        self._is_halted.clear()

    def halt(self) -> None:
        """Wait for no more labels of another node."""
        self._is_halted.set()

    def _make_segmenter(self) -> Segmenter:
        """Return another node's segmenter, else the policy's own where it has learned one, else by heights."""
        if wanted := self._config.segmenter:
            own_name = self.resolve_service_name(names.SEGMENT_SCENE)
            if self.resolve_service_name(wanted) == own_name:
                raise ConfigError(
                    f"segmenter '{wanted}' is this node's own service; name another node's."
                )
            client = self.create_client(SegmentScene, wanted, callback_group=self.callbacks)
            return RemoteSegmenter(client, self._config.segmenter_timeout, self._is_halted)
        own: Segmenter | None = getattr(self._policy, "segmenter", None)
        return own if own is not None and self._config.weights else DepthSegmenter()

    def _on_update(self, message: PolicyUpdate) -> None:
        self._update = message

    def _answering(self, work: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """Return a service's callback: `work` fills in the response, or raises what becomes its code."""

        def answer(request: Any, response: Any) -> Any:
            try:
                if not self.is_active:
                    text = "The policy node is not active."
                    raise PlanError(PlanGrasp.Response.NOT_ACTIVE, text)
                work(request, response)
            except (ConfigError, DeviceError, PerceptionError) as error:
                response.error_code, response.error_msg = plan_code(error), str(error)
            return response

        return answer

    def _plan_action(self, request: PlanAction.Request, response: PlanAction.Response) -> None:
        observation, decision = self._look_and_choose(request)
        response.action = to_action_msg(decision, observation)
        encode = self._method.encode  # nothing is learned from what a rule chose
        encoded = {} if decision.is_by_rule else encode(decision.aimed(observation))
        response.observation = to_observation_msg(encoded, observation)
        response.decision_time = decision.decision_time

    def _plan_grasp(self, request: PlanGrasp.Request, response: PlanGrasp.Response) -> None:
        before = self._choices
        observation, decision = self._look_and_choose(request)
        if not isinstance(decision.action, PlanarGrasp):
            self._choices = before  # nobody will carry it out
            text = f"Method '{self._method.name}' chose no grasp; call '{names.PLAN_ACTION}'."
            raise PlanError(response.NO_GRASP, text)
        response.grasp = to_action_msg(decision, observation).grasp
        response.heightmap = to_heightmap_msg(observation)
        response.decision_time = decision.decision_time

    def _plan_push_grasp(
        self, request: PlanPushGrasp.Request, response: PlanPushGrasp.Response
    ) -> None:
        self._show(*self._targets.plan(request, response, mode_of(request, response.BAD_REQUEST)))

    def _segment_scene(
        self, request: SegmentScene.Request, response: SegmentScene.Response
    ) -> None:
        self._show_scene(self._targets.segment(request, response))

    def _look(self, name: str, not_before: float) -> Observation:
        """Return the heightmap of the workspace of a name, of an image taken at a time [s] or later."""
        workspace = self._cell.workspace(name)
        frame = self._camera.frame_since(not_before)
        heightmap = heightmap_from_depth(
            frame.depth, self._camera.model, self._camera.T_base_camera, workspace
        )
        return Observation.of_heightmap(heightmap, workspace, frame.stamp)

    def _choose(self, observation: Observation, context: Context, seed: int) -> Decision[Action]:
        self._take_over_weights()
        rng = np.random.default_rng(seed)
        decision: Decision[Action] = self._policy.choose(observation, context, rng)
        return decision

    def _look_and_choose(self, request: Any) -> tuple[Observation, Decision[Action]]:
        """Look and choose as a request of `plan_action` or `plan_grasp` says."""
        mode = mode_of(request)
        observation = self._look(request.workspace, from_time(request.not_before))
        if LABELS in self._sees:
            observation = segmented(observation, self._segmenter)
        count = min(request.num_consecutive_failures, _MAX_FAILURES)
        history = last_failures(self._choices, count)
        decision = self._choose(observation, Context(mode, history), request.seed)
        self._choices = (*history, decision.tried(observation.workspace.name))
        self._show(observation, decision)
        return observation, decision

    def _show(self, observation: Observation, decision: Decision[Any]) -> None:
        self._show_scene(observation)
        message = to_action_msg(decision, observation)
        if isinstance(decision.action, PlanarGrasp):
            self._out[names.PLANNED_GRASP].publish(message.grasp)
            self._draw(names.Q_MAP_IMAGE, Q_MAP, draw_decision, observation, decision)
        elif isinstance(decision.action, Push):
            self._out[names.PLANNED_PUSH].publish(message.push)
            self._draw(names.PUSH_MAP_IMAGE, PUSH_MAP, draw_push_map, observation, decision)

    def _show_scene(self, observation: Observation) -> None:
        self._out[names.HEIGHTMAP].publish(to_heightmap_msg(observation))
        if LABELS in observation.arrays:
            self._out[names.LABELS].publish(to_label_map_msg(observation))

    def _draw(
        self,
        name: str,
        view: str,
        draw: Callable[[Observation, Decision[Any]], np.ndarray],
        observation: Observation,
        decision: Decision[Any],
    ) -> None:
        """Publish a picture of a view while somebody listens."""
        out = self._out[name]
        if out.get_subscription_count() and view in decision.views:
            picture = draw(observation, decision)
            out.publish(to_color_msg(picture, observation.stamp, names.BASE_FRAME))

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


def main() -> None:
    """Run the node."""
    run(lambda: [PolicyNode()], num_threads=4)


if __name__ == "__main__":
    main()
