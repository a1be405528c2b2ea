"""Try grasps in simulation, many of them: the same fingers and forces, without the way there."""

import numpy as np

from equigrasp.devices.gripper import Gripper
from equigrasp.devices.motion import JointTrajectory
from equigrasp.errors import UnreachableError
from equigrasp.geometry.actions import PlanarGrasp
from equigrasp.geometry.transform import Transform
from equigrasp.planning.kinematics import Kinematics
from equigrasp.simulation.bullet_arm import BulletArm
from equigrasp.simulation.bullet_gripper import BulletGripper
from equigrasp.simulation.make import SimulatedCell
from equigrasp.simulation.physics import TIME_STEP

_LEAST_WAY = 0.03  # [m] of the descent
_CLEARANCE = (
    0.02  # [m] over what is near, where the descent begins: fingers never appear in objects
)
_DESCENT_SPEED, _LIFT_SPEED = 0.25, 0.3  # [m/s]
_LIFT_HEIGHT = 0.06  # [m]
_FAR = 0.06  # [m] from the grasp: what lies farther off stands still
_HOLD_TIME = 0.15  # [s] that an object must stay in the fingers, lifted
_CLOSE_TIME = 1.5  # [s] longest


class FastGrasp:
    """Appears over an object, descends, closes, lifts, and sees what hangs in the fingers.

    The arm is put where a grasp begins instead of planning the way there; from there on all is as in a
    `PickPrimitive`, fingers that meet a neighbour on the way down included: the arm's motors give way.

    Args:
        simulation: With an arm for which nothing else stands near the workspace, as the gantry.
    """

    def __init__(self, simulation: SimulatedCell) -> None:
        cell = simulation.cell
        assert isinstance(cell.arm, BulletArm) and isinstance(cell.gripper, BulletGripper)
        self._simulation = simulation
        self._arm, self._gripper = cell.arm, cell.gripper
        self._config = cell.config.motion
        self._held_width = cell.gripper_config.held_width
        self._kinematics = Kinematics(cell.arm_config, cell.gripper_config)
        self._home = np.asarray(cell.arm_config.home_positions)

    def attempt(self, grasp: PlanarGrasp, clear_height: float) -> tuple[int, ...]:
        """Try a grasp and return the handles of what is held after the lift; empty: nothing.

        The world is left as the grasp left it, with the arm in it; see `park`.

        Args:
            grasp: What to try.
            clear_height: No object about the grasp stands higher [m, base].

        Raises:
            UnreachableError: if the arm cannot be there.
        """
        top = max(grasp.z + _LEAST_WAY, clear_height + _CLEARANCE)
        above, bottom, lifted = (
            self._positions(grasp, z) for z in (top, grasp.z, grasp.z + _LIFT_HEIGHT)
        )
        far = self._simulation.world.objects_beyond(grasp.x, grasp.y, _FAR)
        with self._simulation.world.held_still(far):
            return self._grasp(grasp.width, above, bottom, lifted, top - grasp.z)

    def _grasp(
        self,
        width: float,
        above: np.ndarray,
        bottom: np.ndarray,
        lifted: np.ndarray,
        way: float,
    ) -> tuple[int, ...]:
        self._arm.teleport(above)
        self._gripper.teleport(width)
        self._move(bottom, way / _DESCENT_SPEED)
        self._gripper.start_move(0.0, self._config.grasp_speed, self._config.grasp_force)
        self._wait(self._gripper, _CLOSE_TIME)
        if self._gripper.state().width <= self._held_width:
            return ()
        self._move(lifted, _LIFT_HEIGHT / _LIFT_SPEED)
        self._simulation.physics.sleep(_HOLD_TIME)
        return tuple(self._simulation.world.held_objects())

    def park(self) -> None:
        """Put the arm home, its fingers open, at once."""
        self._arm.teleport(self._home)
        self._gripper.teleport(self._gripper.limits.stroke)

    def _positions(self, grasp: PlanarGrasp, z: float) -> np.ndarray:
        pose = Transform.top_down(grasp.x, grasp.y, z, grasp.theta)
        positions = self._kinematics.solve(pose, self._home)
        if positions is None:
            raise UnreachableError(
                f"The arm cannot reach ({grasp.x:.3f}, {grasp.y:.3f}, {z:.3f}) m."
            )
        return positions

    def _move(self, goal: np.ndarray, duration: float) -> None:
        """Steer to a posture; what blocks the way is left to the motors' forces."""
        present = self._arm.set_point().positions
        still = np.zeros((2, len(goal)))
        times = np.array([0.0, max(duration * 1.5, 2.0 * TIME_STEP)])  # 1.5: the cubic's peak
        self._arm.steer(JointTrajectory(times, np.stack([present, goal]), still))
        self._simulation.physics.sleep(float(times[1]))

    def _wait(self, gripper: Gripper, longest: float) -> None:
        for _ in range(round(longest / TIME_STEP)):
            if not gripper.motion_status().is_active:
                return
            self._simulation.physics.step()
