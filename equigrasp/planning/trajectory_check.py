"""Hold a trajectory against a cell's safety limits, all along its spline, before anything moves."""

import numpy as np
import pinocchio as pin
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from equigrasp.devices.bridge import SHORTEST, make_bridge
from equigrasp.devices.cell import CellConfig
from equigrasp.devices.motion import JointState, JointTrajectory
from equigrasp.errors import CommandRejectedError
from equigrasp.planning.kinematics import Kinematics, tool_points

_SLACK = 1.01  # of a speed or acceleration: rounding of messages
_POSITION_SLACK = 1e-3  # [m] beyond box and heights
_RETURN = 1e-3  # [m] by which what stands farther outside must end nearer
_END_SPEED = (
    0.01  # [rad/s] of the last point: nothing stops an arm that a trajectory leaves moving
)
_HELD = 1e-3  # [rad] from the trajectory's start: an arm that is there already
_TURN = (
    0.02  # [rad] that any joint turns at most between two samples: 19 mm at the UR5's full reach
)
_MIN_SAMPLES = 30
_MAX_SAMPLES = 20_000  # of a path: what is planned needs some hundreds
_START_TIME = 0.05  # [s] in which a joint may be brought from its speed to that of the first point
_ELBOW = 3  # joints from the third on are held above the table


class TrajectoryCheck:
    """What arm and gripper of a cell may do, with the model that tells where they would be.

    Args:
        cell: Limits, arm and gripper.
    """

    def __init__(self, cell: CellConfig) -> None:
        self._safety = cell.safety
        self._arm = cell.load_arm()
        gripper = cell.load_gripper()
        self.kinematics = Kinematics(self._arm, gripper)
        self._chain = _Chain(self.kinematics.model)
        self._points = tool_points(gripper)

    def check(self, trajectory: JointTrajectory, present: JointState) -> None:
        """Raise `CommandRejectedError` unless the arm may follow a trajectory from where it is.

        What is judged is what the arm would do: the spline through the points, joined from the
        present state (`make_bridge`), whatever the form: one point or many, the first at time 0 or
        later. Checked are form, start, joint positions, speeds and accelerations, and, on samples,
        speed and place of the TCP, places of fingertips, flange, elbow and wrists. An arm that
        stands outside may come back, but not go farther out, and must end nearer.

        Args:
            trajectory: What is to be followed.
            present: Where the arm is and how fast it turns.
        """
        names = self._arm.joint_names
        self._arm.limits.check_trajectory(trajectory, names, present.positions)
        times, positions, velocities = _from_present(trajectory, present)
        self._check_ends(velocities, present.velocities)
        ways = self._check_spline(times, positions, velocities)
        spline = CubicHermiteSpline(times, positions, velocities)
        offset = present.positions - positions[0]
        if np.abs(offset).max() < _HELD:
            offset = np.zeros_like(offset)
        bridge = make_bridge(offset, np.zeros_like(offset), self._arm.limits)
        self._check_path(spline, bridge, present.positions, ways)

    def places(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where what must stay inside the limits is, for many joint positions at once.

        Args:
            joints: Shape (T, n) [rad].

        Returns:
            TCP, both fingertips of opened fingers and flange in base, shape (T, 4, 3) [m]; heights
            of the elbow, the wrists and the flange, shape (T, n - 1) [m].
        """
        rotations, origins = self._chain.follow(joints)
        tool = self._points @ rotations.transpose(0, 2, 1) + origins[:, None, -1]
        return tool, np.column_stack([origins[:, _ELBOW - 1 : -1, 2], tool[:, 3, 2]])

    def _check_ends(self, velocities: np.ndarray, present: np.ndarray) -> None:
        at_start = _START_TIME * np.asarray(self._arm.limits.accelerations)
        at_end = np.full_like(at_start, _END_SPEED)
        for what, change, allowed in (
            ("begin", np.abs(velocities[0] - present), at_start),
            ("end", np.abs(velocities[-1]), at_end),
        ):
            i = int((change / allowed).argmax())
            if change[i] > allowed[i]:
                raise CommandRejectedError(
                    f"Joint '{self._arm.joint_names[i]}' would {what} with a jump of speed of "
                    f"{change[i]:.2f} rad/s; at most {allowed[i]:.2f} rad/s are allowed."
                )

    def _check_spline(
        self, times: np.ndarray, positions: np.ndarray, velocities: np.ndarray
    ) -> np.ndarray:
        """Hold speeds and accelerations; return how far any joint turns between points, at most.

        Returns:
            Shape (T - 1,) [rad].
        """
        # A cubic's acceleration is linear: its ends tell all; its speed peaks where that is zero.
        h = np.diff(times)[:, None]
        before, after = velocities[:-1], velocities[1:]
        mean = np.diff(positions, axis=0) / h
        at_start = (6.0 * mean - 4.0 * before - 2.0 * after) / h
        at_end = (2.0 * before + 4.0 * after - 6.0 * mean) / h
        slope = at_end - at_start
        share = np.where(slope != 0.0, -at_start / np.where(slope != 0.0, slope, 1.0), 0.0)
        share = np.clip(share, 0.0, 1.0)
        peak = before + h * share * (at_start + 0.5 * share * slope)
        limits = self._arm.limits
        self._compare("turn at", "rad/s", np.abs(np.vstack([velocities, peak])), limits.velocities)
        self._compare(
            "accelerate at", "rad/s²", np.abs(np.vstack([at_start, at_end])), limits.accelerations
        )
        fastest = np.abs(np.stack([before, after, peak])).max(axis=(0, 2))
        return np.asarray(fastest * h[:, 0])

    def _compare(
        self, what: str, unit: str, values: np.ndarray, limits: tuple[float, ...]
    ) -> None:
        largest = values.max(axis=0)
        i = int((largest / np.asarray(limits)).argmax())
        if largest[i] > _SLACK * limits[i]:
            raise CommandRejectedError(
                f"Joint '{self._arm.joint_names[i]}' would {what} {largest[i]:.2f} {unit}; "
                f"its limit is {limits[i]:.2f} {unit}."
            )

    def _check_path(
        self,
        spline: CubicHermiteSpline,
        bridge: CubicHermiteSpline | None,
        start: np.ndarray,
        ways: np.ndarray,
    ) -> None:
        limits, names = self._arm.limits, self._arm.joint_names
        samples = _samples(spline, bridge, ways)
        joints = spline(np.minimum(samples, spline.x[-1]))
        if bridge is not None:
            joints = joints + _faded(bridge, samples)
            self._check_joined(spline, bridge, samples)
        limits.check_positions(joints, names, start)
        tool, heights = self.places(np.vstack([start, joints]))
        self._check_box(tool[:, :3], samples)
        self._check_height(heights, samples)
        speeds = np.linalg.norm(np.diff(tool[1:, 0], axis=0), axis=1) / np.diff(samples)
        if speeds.max() > _SLACK * self._safety.tcp_speed:
            raise CommandRejectedError(
                f"The TCP would move at {speeds.max():.2f} m/s, {samples[speeds.argmax()]:.2f} s "
                f"into the trajectory; its limit is {self._safety.tcp_speed} m/s."
            )

    def _check_joined(
        self, spline: CubicHermiteSpline, bridge: CubicHermiteSpline, samples: np.ndarray
    ) -> None:
        """Hold speeds and accelerations of a trajectory and of the way that joins it, together."""
        inside = samples[samples <= spline.x[-1]]
        for order, what, unit, most in (
            (1, "turn at", "rad/s", self._arm.limits.velocities),
            (2, "accelerate at", "rad/s²", self._arm.limits.accelerations),
        ):
            total = spline(inside, order) + _faded(bridge, inside, order)
            self._compare(what, unit, np.abs(total), most)

    def _check_box(self, points: np.ndarray, samples: np.ndarray) -> None:
        box = self._safety.box
        lower, upper = np.asarray(box.lower), np.asarray(box.upper)
        outside = np.maximum(lower - points, points - upper)  # (1 + T, 3 points, xyz)
        excess = _excess(outside)
        t, point, axis = np.unravel_index(int(excess.argmax()), excess.shape)
        if excess[t, point, axis] > 0.0:
            raise CommandRejectedError(
                f"{'TCP' if point == 0 else 'Fingertip'} {'xyz'[axis]} would be "
                f"{points[t + 1, point, axis]:.3f} m, {samples[t]:.2f} s into the trajectory; the "
                f"safety box allows [{lower[axis]}, {upper[axis]}] m."
            )

    def _check_height(self, heights: np.ndarray, samples: np.ndarray) -> None:
        excess = _excess(self._safety.link_height - heights)
        t, link = np.unravel_index(int(excess.argmax()), excess.shape)
        if excess[t, link] > 0.0:
            names = [*self._arm.joint_names[_ELBOW - 1 :], "the flange"]
            raise CommandRejectedError(
                f"The height of {names[link]} would be {heights[t + 1, link]:.3f} m, "
                f"{samples[t]:.2f} s into the trajectory; at least {self._safety.link_height} m "
                "are demanded."
            )


class _Chain:
    """Forward kinematics of many joint positions at once."""

    def __init__(self, model: "pin.Model") -> None:
        data, rest = model.createData(), pin.neutral(model)
        self._placements = [
            (np.array(m.rotation), np.array(m.translation)) for m in model.jointPlacements[1:]
        ]
        self._axes = [
            pin.computeJointJacobian(model, data, rest, i)[3:, i - 1]
            for i in range(1, model.njoints)
        ]
        tcp = model.frames[model.getFrameId("tcp")].placement
        self._tcp = np.array(tcp.rotation), np.array(tcp.translation)

    def follow(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the TCP's rotations (T, 3, 3) and the origins of joints and TCP (T, n + 1, 3) [m]."""
        rotation, origin = np.eye(3), np.zeros(3)
        origins = []
        for (turned, moved), axis, angles in zip(
            self._placements, self._axes, joints.T, strict=True
        ):
            origin = origin + rotation @ moved
            origins.append(np.broadcast_to(origin, (len(joints), 3)))
            rotation = rotation @ turned @ Rotation.from_rotvec(angles[:, None] * axis).as_matrix()
        origins.append(origin + rotation @ self._tcp[1])
        return rotation @ self._tcp[0], np.stack(origins, axis=1)


def _excess(outside: np.ndarray) -> np.ndarray:
    """Return by how much a path is farther out than it may be, shape (T, ...) [m].

    Args:
        outside: How far out (negative: inside), where the arm is and along the path, (1 + T, ...).
    """
    excess = outside[1:] - np.maximum(outside[0], _POSITION_SLACK)
    excess[-1] = outside[-1] - np.maximum(outside[0] - _RETURN, _POSITION_SLACK)
    return np.asarray(excess)


def _samples(
    spline: CubicHermiteSpline, bridge: CubicHermiteSpline | None, ways: np.ndarray
) -> np.ndarray:
    """Return the times at which a path is looked at [s]: no joint turns by more than `_TURN` between two.

    They lie as dense as each piece of the spline is fast. Even in time, a quick way out and back in a
    long trajectory would fall between two of them.

    Args:
        spline: The trajectory, from 0 on.
        bridge: What joins it, from 0 on.
        ways: How far any joint turns in each piece, at most, shape (T - 1,) [rad].

    Raises:
        CommandRejectedError: if there would be more than `_MAX_SAMPLES`.
    """
    knots, end = spline.x, float(spline.x[-1])
    turned = np.concatenate([[0.0], np.cumsum(ways)])
    if bridge is not None:
        last = float(bridge.x[-1])
        knots = np.union1d(knots, [last])
        # From rest to rest a cubic is fastest in its middle, 1.5 times its mean.
        joining = 1.5 * float(np.abs(bridge(0.0)).max())
        turned = np.interp(knots, spline.x, turned) + np.interp(knots, [0.0, last], [0.0, joining])
        end = max(end, last)
    needed = turned / _TURN + _MIN_SAMPLES * knots / end
    count = int(np.ceil(needed[-1]))
    if count > _MAX_SAMPLES:
        raise CommandRejectedError(
            f"The trajectory turns joints by {turned[-1]:.0f} rad in all; at most "
            f"{_MAX_SAMPLES * _TURN:.0f} rad are followed. Send it in parts."
        )
    return np.asarray(np.interp(np.linspace(0.0, needed[-1], count + 1), needed, knots))


def _faded(bridge: CubicHermiteSpline, samples: np.ndarray, order: int = 0) -> np.ndarray:
    """Return a bridge or a derivative of it, which is 0 behind its end, shape (T, n)."""
    end = float(bridge.x[-1])
    return np.where((samples <= end)[:, None], bridge(np.minimum(samples, end), order), 0.0)


def _from_present(
    trajectory: JointTrajectory, present: JointState
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times, positions and velocities, begun where the arm is if the first point is later."""
    times = np.asarray(trajectory.times, dtype=float)
    positions = np.asarray(trajectory.positions, dtype=float)
    velocities = np.asarray(trajectory.velocities, dtype=float)
    if times[0] > 0.0:
        times = np.concatenate([[0.0], times])
        positions = np.vstack([present.positions, positions])
        velocities = np.vstack([present.velocities, velocities])
    elif times.size == 1:  # held from now on
        times = np.array([0.0, SHORTEST])
        positions, velocities = np.repeat(positions, 2, axis=0), np.repeat(velocities, 2, axis=0)
    return times, positions, velocities
