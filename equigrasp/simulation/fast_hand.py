"""Try grasps and pushes in simulation, many of them: the same fingers and forces, without the way there."""

import math

import numpy as np

from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import UnreachableError
from equigrasp.geometry.actions import PlanarGrasp, Push
from equigrasp.geometry.transform import Transform
from equigrasp.planning.kinematics import Kinematics
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_gripper import BulletGripper
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.physics import TIME_STEP

_LEAST_WAY = 0.03  # [m] of the descent
_CLEARANCE = 0.02  # [m] over what is near, where a descent begins: fingers never appear in objects
_DESCENT_SPEED, _LIFT_SPEED, _PUSH_SPEED = 0.25, 0.3, 0.1  # [m/s]
_PEAK = 1.5  # of a motion's speed, over its mean
_LIFT_HEIGHT = 0.06  # [m]
_HOLD_TIME = 0.15  # [s] that an object must stay in the fingers, lifted
_CLOSE_TIME = 1.5  # [s] longest
_SETTLE_TIME = 0.3  # [s] after a push
_FAR = 0.06  # [m] from a grasp: what lies farther off stands still
_FAR_FROM_PUSH = 0.12  # [m] from a stroke: what is pushed pushes others


class FastHand:
    """Appears over a place, descends, and grasps or pushes.

    The arm is put where an action begins instead of planning the way there; from there on all is as in
    `PickPrimitive` and `PushPrimitive`, fingers that meet something on the way down included: the arm's
    motors give way. The world is left as the action left it, with the arm in it; see `park`.

    Args:
        simulation: With an arm for which nothing else stands near the workspace, as the gantry.
    """

    def __init__(self, simulation: SimulatedCell) -> None:
        cell = simulation.cell
        assert isinstance(cell.arm, BulletArm) and isinstance(cell.gripper, BulletGripper)
        self._world, self._physics = simulation.world, simulation.physics
        self._arm, self._gripper = cell.arm, cell.gripper
        self._config = cell.config.motion
        self._held_width = cell.gripper_config.held_width
        self._kinematics = Kinematics(cell.arm_config, cell.gripper_config)
        self._home = np.asarray(cell.arm_config.home_positions)

    def grasp(self, grasp: PlanarGrasp, clear_height: float) -> tuple[int, ...]:
        """Try a grasp and return the handles of what is held after the lift; empty: nothing.

        Args:
            grasp: What to try.
            clear_height: No object about it stands higher [m, base].

        Raises:
            UnreachableError: if the arm cannot be there.
        """
        place = grasp.x, grasp.y, grasp.theta
        bottom, lifted = (self._at(*place, z) for z in (grasp.z, grasp.z + _LIFT_HEIGHT))
        far = self._world.objects_beyond(grasp.x, grasp.y, _FAR)
        with self._world.held_still(far):
            self._descend(place, grasp.z, clear_height, grasp.width)
            self._gripper.start_move(0.0, self._config.grasp_speed, self._config.grasp_force)
            self._wait_for_fingers()
            if self._gripper.state().width <= self._held_width:
                return ()
            self._move(bottom, lifted, _LIFT_HEIGHT / _LIFT_SPEED)
            self._physics.sleep(_HOLD_TIME)
            return tuple(self._world.held_objects())

    def push(self, push: Push, clear_height: float) -> None:
        """Push, rise, and let come to rest what was pushed; arguments and errors as those of `grasp`.

        Args:
            push: What to do, within workspace and safety box.
            clear_height: No object about its start stands higher [m, base].
        """
        ahead = np.array([math.cos(push.direction), math.sin(push.direction)]) * push.length
        x, y = (np.array([push.x, push.y]) + ahead).tolist()
        middle = push.x + ahead[0] / 2.0, push.y + ahead[1] / 2.0
        far = self._world.objects_beyond(*middle, distance=push.length / 2.0 + _FAR_FROM_PUSH)
        with self._world.held_still(far):
            self._descend((push.x, push.y, push.direction), push.z, clear_height, 0.0)
            # What stopped the descent is where the stroke begins: the height stays.
            present = self._arm.joint_state().positions
            end = self._at(x, y, push.direction, self._kinematics.forward(present).position[2])
            self._move(present, end, push.length / _PUSH_SPEED)
            present = self._arm.joint_state().positions
            x, y, z = self._kinematics.forward(present).position
            above = self._at(x, y, push.direction, z + _LIFT_HEIGHT)
            self._move(present, above, _LIFT_HEIGHT / _LIFT_SPEED)
        self.park()
        self._physics.sleep(_SETTLE_TIME)

    def park(self) -> None:
        """Put the arm home, its fingers open, at once."""
        self._arm.teleport(self._home)
        self._gripper.teleport(self._gripper.limits.stroke)

    def _descend(
        self, place: tuple[float, float, float], z: float, clear_height: float, width: float
    ) -> None:
        """Appear over a place (x, y, yaw) with the fingers as far open as that, and go down."""
        top = max(z + _LEAST_WAY, clear_height + _CLEARANCE)
        above, bottom = self._at(*place, top), self._at(*place, z)
        self._arm.teleport(above)
        self._gripper.teleport(width)
        self._move(above, bottom, (top - z) / _DESCENT_SPEED)

    def _at(self, x: float, y: float, theta: float, z: float) -> np.ndarray:
        pose = Transform.top_down(x, y, z, theta)
        positions = self._kinematics.solve(pose, self._home)
        if positions is None:
            raise UnreachableError(f"The arm cannot reach ({x:.3f}, {y:.3f}, {z:.3f}) m.")
        return positions

    def _move(self, start: np.ndarray, goal: np.ndarray, duration: float) -> None:
        """Steer between two postures; what blocks the way is left to the motors' forces."""
        times = np.array([0.0, max(duration * _PEAK, 2.0 * TIME_STEP)])
        still = np.zeros((2, len(goal)))
        self._arm.steer(JointTrajectory(times, np.stack([start, goal]), still))
        self._physics.sleep(float(times[1]))

    def _wait_for_fingers(self) -> None:
        for _ in range(round(_CLOSE_TIME / TIME_STEP)):
            if not self._gripper.motion_status().is_active:
                return
            self._physics.step()
