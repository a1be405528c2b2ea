"""A double of the part of moveit_py that the MoveIt planner uses; not MoveIt.

Names, arguments and their checks follow the bindings of moveit_py 2.12.4, the version of Jazzy
(moveit/moveit2, moveit_py/src/moveit: moveit_ros/moveit_cpp/{moveit_cpp,planning_component}.cpp,
moveit_ros/planning_scene_monitor/planning_scene_monitor.cpp, moveit_core/planning_scene,
robot_state, robot_trajectory, planning_interface, collision_detection/collision_matrix.cpp).
Collisions are computed for real, by Pinocchio from the URDF, the SRDF and the messages that the
planner hands over; searches and lines are made by this project's own planner.
"""

import sys
import types
from typing import Any

import coal
import numpy as np
import pinocchio as pin
import pytest
import yaml
from geometry_msgs.msg import Pose, PoseStamped
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from equigrasp.errors import EquigraspError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.ompl_planner import OmplPlanner


class CollisionObject:
    """moveit_msgs/msg/CollisionObject: the fields that are used; a `byte` is one of bytes in rclpy."""

    ADD, REMOVE, APPEND, MOVE = b"\x00", b"\x01", b"\x02", b"\x03"
    __slots__ = ("header", "id", "operation", "pose", "primitive_poses", "primitives")

    def __init__(self, *, id: str = "") -> None:  # noqa: A002 - the message's name for it
        self.header, self.id, self.pose = Header(), id, Pose()
        self.primitives: list[SolidPrimitive] = []
        self.primitive_poses: list[Pose] = []
        self.operation = self.ADD


class AllowedCollisionMatrix:
    """Pairs of names that may touch."""

    def __init__(self) -> None:
        self.allowed: set[frozenset[str]] = set()

    def set_entry(self, name1: str, name2: str, allowed: bool) -> None:
        change = self.allowed.add if allowed else self.allowed.discard
        change(frozenset((name1, name2)))


class RobotModel:
    """URDF and SRDF, by Pinocchio."""

    def __init__(self, urdf: str, srdf: str, padding: float) -> None:
        self.model = pin.buildModelFromXML(urdf)
        self.geometry = pin.buildGeomFromUrdfString(self.model, urdf, pin.GeometryType.COLLISION)
        self.geometry.addAllCollisionPairs()
        pin.removeCollisionPairsFromXML(self.model, self.geometry, srdf)
        self.padding = padding


class RobotState:
    """Positions of all joints; of no use to a check until `update`."""

    def __init__(self, robot_model: RobotModel) -> None:
        assert isinstance(robot_model, RobotModel)
        self.robot_model = robot_model
        self._positions: dict[str, float] = {}
        self.dirty = True

    def set_to_default_values(self) -> None:
        self._positions = {str(n): 0.0 for n in self.robot_model.model.names[1:]}

    @property
    def joint_positions(self) -> dict[str, float]:
        return dict(self._positions)

    @joint_positions.setter
    def joint_positions(self, values: dict[str, float]) -> None:
        assert all(type(v) is float and k in self._positions for k, v in values.items())
        self._positions |= values
        self.dirty = True

    def update(self, force: bool = False, type: str = "all") -> None:  # noqa: A002
        self.dirty = False


class PlanningScene:
    """Collision objects by name, and which pairs may touch."""

    def __init__(self, robot_model: RobotModel, world: Any = None) -> None:
        assert isinstance(robot_model, RobotModel)
        self.robot_model = robot_model
        self.objects: dict[str, CollisionObject] = {}
        self.allowed_collision_matrix = AllowedCollisionMatrix()

    def apply_collision_object(
        self, collision_object_msg: CollisionObject, color_msg: Any = None
    ) -> None:
        message = collision_object_msg
        assert isinstance(message, CollisionObject) and message.header.frame_id
        assert len(message.primitives) == len(message.primitive_poses)
        if message.operation == CollisionObject.REMOVE:
            del self.objects[message.id]
        else:
            assert message.operation == CollisionObject.ADD and message.primitives
            self.objects[message.id] = message

    def is_state_colliding(
        self, robot_state: RobotState, joint_model_group_name: str, verbose: bool = False
    ) -> bool:
        assert joint_model_group_name == "arm" and not robot_state.dirty
        model, geometry = self.robot_model.model, self.robot_model.geometry.copy()
        links = list(range(geometry.ngeoms))
        for name, message in self.objects.items():
            for primitive, pose in zip(message.primitives, message.primitive_poses, strict=True):
                shape = _shape(primitive)
                place = _place(message.pose) * _place(pose)
                thing = pin.GeometryObject(name, 0, place, shape)
                index = geometry.addGeometryObject(thing)
                for i in links:
                    link = model.frames[geometry.geometryObjects[i].parentFrame].name
                    if frozenset((link, name)) not in self.allowed_collision_matrix.allowed:
                        geometry.addCollisionPair(pin.CollisionPair(i, index))
        data, geometry_data = model.createData(), geometry.createData()
        for request in geometry_data.collisionRequests:
            request.security_margin = self.robot_model.padding
        q = np.array([robot_state.joint_positions[str(n)] for n in model.names[1:]])
        return bool(pin.computeCollisions(model, data, geometry, geometry_data, q, True))


class PlanningSceneMonitor:
    """Hands the scene out inside `with` only."""

    def __init__(self, scene: PlanningScene) -> None:
        self.scene = scene

    def read_only(self) -> "PlanningSceneMonitor":
        return self

    read_write = read_only

    def __enter__(self) -> PlanningScene:
        return self.scene

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:  # noqa: A002
        return None


class MoveItPy:
    """Holds model and scene; `reference` plans what MoveIt would plan."""

    reference: OmplPlanner

    def __init__(
        self,
        node_name: str = "moveit_py",
        name_space: str = "",
        launch_params_filepaths: list[str] | None = None,
        config_dict: dict[str, Any] | None = None,
        provide_planning_service: bool = True,
        remappings: dict[str, str] | None = None,
    ) -> None:
        assert config_dict is not None
        self.parameters = yaml.safe_load(yaml.dump(config_dict))  # moveit_py/moveit/utils.py
        padding = self.parameters["robot_description_planning"]["default_robot_padding"]
        self._model = RobotModel(
            self.parameters["robot_description"],
            self.parameters["robot_description_semantic"],
            padding,
        )
        self._monitor = PlanningSceneMonitor(PlanningScene(self._model))

    def get_robot_model(self) -> RobotModel:
        return self._model

    def get_planning_scene_monitor(self) -> PlanningSceneMonitor:
        return self._monitor

    def get_planning_component(self, planning_component_name: str) -> "PlanningComponent":
        return PlanningComponent(planning_component_name, self)


class PlanRequestParameters:
    """What a request may say; unknown names are refused, as pybind11 does."""

    __slots__ = (
        "max_acceleration_scaling_factor",
        "max_velocity_scaling_factor",
        "planner_id",
        "planning_attempts",
        "planning_pipeline",
        "planning_time",
    )

    def __init__(self, moveit_cpp: MoveItPy, ns: str) -> None:
        assert isinstance(moveit_cpp, MoveItPy) and isinstance(ns, str)
        for name, value in moveit_cpp.parameters["plan_request_params"].items():
            setattr(self, name, value)


class PlanningComponent:
    """Start, goal, plan."""

    def __init__(self, joint_model_group_name: str, moveit_py_instance: MoveItPy) -> None:
        assert joint_model_group_name == "arm"
        self._moveit = moveit_py_instance
        self.num_plans = 0

    def set_start_state(
        self, configuration_name: str | None = None, robot_state: RobotState | None = None
    ) -> bool:
        _one_of(configuration_name, robot_state)
        self._start = robot_state
        return True

    def set_goal_state(
        self,
        configuration_name: str | None = None,
        robot_state: RobotState | None = None,
        pose_stamped_msg: PoseStamped | None = None,
        pose_link: str | None = None,
        motion_plan_constraints: list | None = None,
    ) -> bool:
        _one_of(configuration_name, robot_state, pose_stamped_msg, motion_plan_constraints)
        if (pose_stamped_msg is None) != (pose_link is None):
            raise ValueError("Must specify both message and corresponding link")
        self._goal = robot_state or pose_stamped_msg
        return True

    def plan(
        self,
        single_plan_parameters: PlanRequestParameters | None = None,
        multi_plan_parameters: Any = None,
        planning_scene: PlanningScene | None = None,
        solution_selection_function: Any = None,
        stopping_criterion_callback: Any = None,
    ) -> "MotionPlanResponse":
        assert isinstance(single_plan_parameters, PlanRequestParameters)
        self.num_plans += 1
        names = self._moveit.parameters["planning_pipelines"]["pipeline_names"]
        assert single_plan_parameters.planning_pipeline in names
        reference = self._moveit.reference
        joints = reference.kinematics.arm.joint_names
        start = np.array([self._start.joint_positions[n] for n in joints])
        try:
            if single_plan_parameters.planner_id == "LIN":
                assert not planning_scene.objects and self._goal.header.frame_id
                line = reference.plan_line(start, _transform(self._goal.pose), 0.2).positions
                path = np.vstack([line[:-1:9], line[-1]])
            else:
                assert single_plan_parameters.planner_id == "RRTConnect"
                goal = np.array([self._goal.joint_positions[n] for n in joints])
                path = reference._search(start, goal)
        except EquigraspError:
            return MotionPlanResponse(joints, None)
        return MotionPlanResponse(joints, path)


class MotionPlanResponse:
    """A trajectory, or an error code; the joints come in an order of MoveIt's own."""

    def __init__(self, joints: tuple[str, ...], path: np.ndarray | None) -> None:
        self.error_code = types.SimpleNamespace(val=-1 if path is None else 1)
        trajectory = JointTrajectory(joint_names=list(joints[::-1]))
        for q in () if path is None else path:
            trajectory.points.append(JointTrajectoryPoint(positions=q[::-1].tolist()))
        message = types.SimpleNamespace(joint_trajectory=trajectory)
        self.trajectory = types.SimpleNamespace(get_robot_trajectory_msg=lambda: message)

    def __bool__(self) -> bool:
        return self.error_code.val == 1


def install(monkeypatch: pytest.MonkeyPatch, reference: OmplPlanner) -> None:
    """Put the double in the place of moveit_py and moveit_msgs until the test ends."""
    monkeypatch.setattr(MoveItPy, "reference", reference, raising=False)
    places = {
        "moveit": {},
        "moveit.core": {},
        "moveit.planning": {
            "MoveItPy": MoveItPy,
            "PlanRequestParameters": PlanRequestParameters,
        },
        "moveit.core.robot_state": {"RobotState": RobotState},
        "moveit.core.planning_scene": {"PlanningScene": PlanningScene},
        "moveit_msgs": {},
        "moveit_msgs.msg": {"CollisionObject": CollisionObject},
    }
    for name, content in places.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


def _one_of(*values: Any) -> None:
    if sum(value is not None for value in values) != 1:
        raise ValueError("Must specify one argument, and no more")


def _transform(pose: Pose) -> Transform:
    p, o = pose.position, pose.orientation
    return Transform(np.array([p.x, p.y, p.z]), np.array([o.x, o.y, o.z, o.w]))


def _place(pose: Pose) -> "pin.SE3":
    return pin.SE3(_transform(pose).matrix())


def _shape(primitive: SolidPrimitive) -> Any:
    if primitive.type == SolidPrimitive.BOX:
        return coal.Box(*primitive.dimensions)
    assert primitive.type == SolidPrimitive.CYLINDER
    height = primitive.dimensions[SolidPrimitive.CYLINDER_HEIGHT]
    return coal.Cylinder(primitive.dimensions[SolidPrimitive.CYLINDER_RADIUS], height)
