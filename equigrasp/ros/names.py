"""Every name of the ROS graph. All are relative, so a namespace makes a fleet."""

from typing import NamedTuple

from equigrasp.devices.cell import OVERHEAD

# Nodes
SIM_BRIDGE, ARM, GRIPPER, CAMERA = "sim_bridge", "arm", "gripper", "camera"
POLICY, EXECUTOR, COLLECTOR, LEARNER = "policy", "executor", "collector", "learner"
ROBOT_STATE, VISUALIZER = "robot_state", "visualizer"
SUPERVISOR = "supervisor"  # `equigrasp up` itself

# Robot side, as ros2_control and realsense2_camera name them
FOLLOW_JOINT_TRAJECTORY = "joint_trajectory_controller/follow_joint_trajectory"
HEARTBEAT = (
    "joint_trajectory_controller/heartbeat"  # ours: the id of the goal that is watched over
)
CONTROLLER_STATE = "joint_trajectory_controller/controller_state"
SPEED_SCALING = "speed_scaling_state_broadcaster/speed_scaling"  # in percent, as ur_robot_driver
TCP_WRENCH = "force_torque_sensor_broadcaster/wrench"
PLANNED_TRAJECTORY = "planned_trajectory"
GRIPPER_COMMAND = "gripper_controller/gripper_cmd"
JOINT_STATES = "joint_states"
COLOR_IMAGE = "color/image_raw"
DEPTH_IMAGE = "depth/image_rect_raw"
CAMERA_INFO = "camera_info"
TF, TF_STATIC = "tf", "tf_static"
ROBOT_DESCRIPTION = "robot_description"
CLOCK = "/clock"  # the one absolute name: simulated time is shared by every namespace

# Learning side
PLAN_ACTION, PLAN_GRASP = "plan_action", "plan_grasp"
SEGMENT_SCENE, PLAN_PUSH_GRASP = "segment_scene", "plan_push_grasp"
EXPERIENCE = "experience"
POLICY_UPDATE = "policy_update"
LEARNER_STATUS = "learner_status"
HEIGHTMAP = "heightmap"
Q_MAP_IMAGE = "q_map/image"
PLANNED_GRASP, PLANNED_PUSH = "planned_grasp", "planned_push"
LABELS = "labels"
LABELS_IMAGE = "labels/image"
PUSH_MAP_IMAGE = "push_map/image"

# What the visualizer draws
GRASP_MARKERS, PUSH_MARKERS = "grasp_markers", "push_markers"
WORKSPACE_MARKERS = "workspace_markers"
SCENE_MARKERS = "scene_markers"
HEIGHTMAP_IMAGE = "heightmap/image"
PLANNED_PATH = "planned_path"

# Actions of the executor and the collector
EXECUTE_ACTION = "execute_action"
EXECUTE_GRASP = "execute_grasp"
EXECUTE_PUSH = "execute_push"
PUSH_GRASP = "push_grasp"
PICK_OBJECT = "pick_object"
MOVE_HOME = "move_home"
COLLECT_EXPERIENCE = "collect_experience"

# Simulation only, private to the bridge
RESET_WORLD = "sim_bridge/reset"
SPAWN_OBJECTS = "sim_bridge/spawn_objects"
GET_OBJECTS = "sim_bridge/get_objects"

# Everywhere
DIAGNOSTICS = "/diagnostics"  # REP-107

# Frames
BASE_FRAME = "base_link"  # the arm foot as ROS drivers name it; "base" is UR's turned frame
TCP_FRAME = "tcp"


class CameraTopics(NamedTuple):
    """What a camera publishes."""

    color: str
    depth: str
    info: str


def camera_topics(camera: str) -> CameraTopics:
    """Return the topics of a camera by its name in the cell; the overhead one's bear no prefix."""
    prefix = "" if camera == OVERHEAD else f"{camera}/"
    return CameraTopics(*(prefix + topic for topic in (COLOR_IMAGE, DEPTH_IMAGE, CAMERA_INFO)))


def camera_node(camera: str) -> str:
    """Return the name of a camera's driver node by the camera's name in the cell."""
    return CAMERA if camera == OVERHEAD else f"{camera}_{CAMERA}"
