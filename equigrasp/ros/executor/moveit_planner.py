"""Motion planning with MoveIt's Python bindings, where ROS has them."""

import importlib
import signal
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped

from equigrasp.devices.cell import RobotCell
from equigrasp.devices.end_signals import end_signals
from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import PlanningError, UnreachableError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.collision_scene import CollisionScene, Contact
from equigrasp.planning.fixed_bodies import fixed_bodies
from equigrasp.planning.joint_space_planner import MAX_JUMP, JointSpacePlanner
from equigrasp.planning.moveit_description import GROUP, TCP
from equigrasp.planning.object_field import ObjectField
from equigrasp.ros.executor.moveit_parameters import moveit_parameters
from equigrasp.ros.executor.planners import MOVEIT_IS_MISSING
from equigrasp.ros.messages.collisions import to_collision_object
from equigrasp.ros.messages.transforms import to_pose_msg

_OBJECTS, _TARGET = "objects", "target"  # collision objects that change with every attempt
_LINE_ERROR = 1e-3  # [m] and [rad] by which a line may miss its goal
_UNKNOWN = Contact("the arm", "MoveIt's scene")  # with a body that MoveIt alone knows


class MoveItPlanner(JointSpacePlanner):
    """Collision checks, searches and straight lines by MoveIt, in the scene that all planners share.

    Inverse kinematics, timing and camera view are those of `JointSpacePlanner`: so postures are the
    same with every planner, and trajectories hold the limits that the driver nodes check. As with
    every planner, lines are not checked against the scene: a descent ends in contact.

    Raises:
        ImportError: if moveit_py is missing; says how to install it.
        ConfigError: if there is no semantic description of the cell.
    """

    def __init__(self, cell: RobotCell) -> None:
        super().__init__(cell)
        self._api = _import_moveit()
        self._frame = cell.arm_config.base_frame
        self._joint_names = cell.arm_config.joint_names
        self._names = CollisionScene(self.kinematics, cell.config)  # MoveIt tells yes or no only
        self._moveit = self._start(moveit_parameters(cell))
        self._model = self._moveit.get_robot_model()
        self._component = self._moveit.get_planning_component(planning_component_name=GROUP)
        self._monitor = self._moveit.get_planning_scene_monitor()
        self._empty = self._api.PlanningScene(robot_model=self._model)
        self._shown: set[str] = set()
        for body in fixed_bodies(cell.config):
            self._show(body.name, (body,))
        self._allow(cell)

    def set_objects(self, objects: ObjectField | None) -> None:
        self._names.set_objects(objects)
        for name, is_target in ((_OBJECTS, False), (_TARGET, True)):
            self._show(name, () if objects is None else objects.columns(is_target=is_target))

    def find_collision(self, joint_positions: np.ndarray) -> Contact | None:
        state = self._state(joint_positions)
        with self._monitor.read_only() as scene:
            is_free = not scene.is_state_colliding(robot_state=state, joint_model_group_name=GROUP)
        if is_free:
            return None
        return self._names.find_collision(joint_positions) or _UNKNOWN

    def find_closed_collision(self, joint_positions: np.ndarray) -> Contact | None:
        """See there; what MoveIt's scene alone knows counts as with open fingers."""
        contact = super().find_closed_collision(joint_positions)
        if contact is None and self.find_collision(joint_positions) is _UNKNOWN:
            return _UNKNOWN
        return contact

    def plan_line(self, start: np.ndarray, goal: Transform, speed: float) -> JointTrajectory:
        first = self.kinematics.forward(start).position
        target = PoseStamped(pose=to_pose_msg(goal))
        target.header.frame_id = self._frame
        self._component.set_start_state(robot_state=self._state(start))
        self._component.set_goal_state(pose_stamped_msg=target, pose_link=TCP)
        x, y, z = goal.position
        try:
            path = self._plan("pilz_industrial_motion_planner", "LIN", self._empty)
        except PlanningError as error:
            raise UnreachableError(
                f"No straight line of the TCP to ({x:.3f}, {y:.3f}, {z:.3f}) m: {error}"
            ) from error
        path[0] = start
        end = self.kinematics.forward(path[-1])
        is_near = np.abs(end.position - goal.position).max() < _LINE_ERROR
        is_near &= (end.rotation.inv() * goal.rotation).magnitude() < _LINE_ERROR
        if not is_near or np.abs(np.diff(path, axis=0)).max() > MAX_JUMP:
            raise UnreachableError(
                f"A straight line of the TCP breaks off before ({x:.3f}, {y:.3f}, {z:.3f}) m."
            )
        positions = np.array([self.kinematics.forward(q).position for q in path])
        return self._time_line(path, np.linalg.norm(positions - first, axis=1), speed)

    def _search(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        # MoveIt refuses a start beyond a joint's range, from which an arm may well come back.
        inside = np.clip(start, self._limits.lower, self._limits.upper)
        self._component.set_start_state(robot_state=self._state(inside))
        self._component.set_goal_state(robot_state=self._state(goal))
        path = self._plan("ompl", "RRTConnect", None)
        path[0], path[-1] = start, goal
        return path

    def _plan(self, pipeline: str, planner_id: str, scene: Any) -> np.ndarray:
        """Return the waypoints, shape (K, n), of a plan from the component's start to its goal."""
        request = self._api.PlanRequestParameters(self._moveit, "")
        request.planning_pipeline, request.planner_id = pipeline, planner_id
        response = self._component.plan(single_plan_parameters=request, planning_scene=scene)
        if not response:
            raise PlanningError(
                f"MoveIt's {planner_id} gave up with error code {response.error_code.val}."
            )
        message = response.trajectory.get_robot_trajectory_msg().joint_trajectory
        order = [list(message.joint_names).index(name) for name in self._joint_names]
        return np.array([np.asarray(point.positions)[order] for point in message.points])

    def _state(self, joint_positions: np.ndarray) -> Any:
        """Return MoveIt's state of the robot: the arm as given, the fingers open."""
        state = self._api.RobotState(self._model)
        state.set_to_default_values()
        state.joint_positions = {
            name: float(q) for name, q in zip(self._joint_names, joint_positions, strict=True)
        }
        state.update()
        return state

    def _show(self, name: str, bodies: tuple[Any, ...]) -> None:
        """Put a collision object made of bodies into MoveIt's scene; without bodies, take it out."""
        if bodies or name in self._shown:
            message = to_collision_object(name, bodies, self._frame)
            with self._monitor.read_write() as scene:
                scene.apply_collision_object(collision_object_msg=message)
        self._shown = self._shown | {name} if bodies else self._shown - {name}

    def _allow(self, cell: RobotCell) -> None:
        """Let the gripper touch the target, and the foot what it stands on."""
        pairs = [(link, _TARGET) for link in self.kinematics.gripper_links]
        pairs += [
            (link, body.name)
            for link in self.kinematics.foot_links
            for body in fixed_bodies(cell.config)
        ]
        with self._monitor.read_write() as scene:
            matrix = scene.allowed_collision_matrix
            for link, thing in pairs:
                matrix.set_entry(name1=link, name2=thing, allowed=True)
            scene.allowed_collision_matrix = matrix

    def _start(self, parameters: dict[str, Any]) -> Any:
        """Start MoveIt's own node; it takes the signal handlers, which are given back."""
        moveit = self._api.MoveItPy(
            node_name="moveit_py", config_dict=parameters, provide_planning_service=True
        )
        if threading.current_thread() is threading.main_thread():
            for number in end_signals():
                signal.signal(number, signal.getsignal(number))
        return moveit


def _import_moveit() -> SimpleNamespace:
    """Return the classes of moveit_py that are used."""
    places = {
        "MoveItPy": "moveit.planning",
        "PlanRequestParameters": "moveit.planning",
        "RobotState": "moveit.core.robot_state",
        "PlanningScene": "moveit.core.planning_scene",
    }
    try:
        return SimpleNamespace(
            **{name: getattr(importlib.import_module(m), name) for name, m in places.items()}
        )
    except ImportError as error:
        raise ImportError(MOVEIT_IS_MISSING) from error
