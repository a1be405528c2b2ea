"""Hold a trajectory against a cell's safety limits, all along its spline, before anything moves."""

import numpy as np
import pinocchio as pin
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation

from equigrasp.devices.cell import CellConfig
from equigrasp.devices.joined_trajectory import (
    JoinedTrajectory,
    join_trajectory,
    piece_accelerations,
)
from equigrasp.devices.motion import JointState, JointTrajectory
from equigrasp.errors import CommandRejectedError
from equigrasp.planning.kinematics import Kinematics, tool_points

_SLACK = 1.01  # of a speed or acceleration: rounding of messages
_POSITION_SLACK = 1e-3  # [m] beyond box and heights
_STOP_SLACK = 3e-3  # [m] the same while the arm brakes, off its path; `CellGuard` leaves 20 mm
_STOP_EVERY = 3  # samples from one stop that is looked at to the next: 0.06 rad
_RETURN = 1e-3  # [m] by which what stands farther outside must end nearer
_END_SPEED = (
    0.01  # [rad/s] of the last point: nothing stops an arm that a trajectory leaves moving
)
_TURN = (
    0.02  # [rad] that any joint turns at most between two samples: 19 mm at the UR5's full reach
)
_BEND = 5e-4  # [rad] by which any joint leaves the straight line between two samples at most
_MIN_SAMPLES = 30
_MAX_SAMPLES = 20_000  # of a path, 400 rad of way; what is planned needs some hundreds
_START_TIME = 0.05  # [s] in which a joint may be brought from its speed to that of the first point
_ALONG, _ABOUT = slice(0, 3), slice(3, 6)  # of a column of a Jacobian
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

    def check(
        self, trajectory: JointTrajectory, present: JointState, set_point: JointState | None = None
    ) -> None:
        """Raise `CommandRejectedError` unless the arm may follow a trajectory from where it is.

        What is judged is what the arm would do: the trajectory joined to the set-point, and to rest
        (`join_trajectory`), whatever its form: one point or many, the first at time 0 or later. Checked
        are form, start and end, joint positions, speeds and accelerations, and, on samples, speed and
        place of the TCP, places of fingertips, flange, elbow and wrists, and where a stop would lead them
        from there. An arm that stands outside may come back, but not go farther out, and must end nearer.

        Args:
            trajectory: What is to be followed.
            present: Where the arm is and how fast it turns.
            set_point: Where it is commanded to be (`Arm.set_point`); None: where it is.
        """
        limits, begin = self._arm.limits, set_point or present
        limits.check_trajectory(trajectory, self._arm.joint_names, present.positions)
        self._check_ends(trajectory, begin.velocities)
        joined = join_trajectory(trajectory, limits, begin.positions, begin.velocities)
        shares = self._check_spline(joined)
        self._check_path(joined.trajectory, shares)

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

    def _check_ends(self, trajectory: JointTrajectory, begin: np.ndarray) -> None:
        velocities = np.asarray(trajectory.velocities, dtype=float)
        at_start = _START_TIME * np.asarray(self._arm.limits.accelerations)
        changes = [("end", np.abs(velocities[-1]), np.full_like(at_start, _END_SPEED))]
        if trajectory.times[0] == 0.0:
            changes.insert(0, ("begin", np.abs(velocities[0] - begin), at_start))
        for what, change, allowed in changes:
            i = int((change / allowed).argmax())
            if change[i] > allowed[i]:
                raise CommandRejectedError(
                    f"Joint '{self._arm.joint_names[i]}' would {what} with a jump of speed of "
                    f"{change[i]:.2f} rad/s; at most {allowed[i]:.2f} rad/s are allowed."
                )

    def _check_spline(self, joined: JoinedTrajectory) -> np.ndarray:
        """Hold speeds and accelerations; return how many samples each piece needs, in fractions."""
        times, velocities = joined.trajectory.times, joined.trajectory.velocities
        before, after = velocities[:-1], velocities[1:]
        at_start, at_end = piece_accelerations(times, joined.trajectory.positions, velocities)
        # The speed of a cubic peaks where its acceleration, which is linear, is zero.
        h, slope = np.diff(times)[:, None], at_end - at_start
        share = np.where(slope != 0.0, -at_start / np.where(slope != 0.0, slope, 1.0), 0.0)
        share = np.clip(share, 0.0, 1.0)
        peak = np.abs(before + h * share * (at_start + 0.5 * share * slope))
        peak = np.maximum(peak, np.maximum(np.abs(before), np.abs(after)))
        limits = self._arm.limits
        self._compare("turn at", "rad/s", peak, limits.velocities)
        hardest = np.maximum(np.abs(at_start), np.abs(at_end))
        is_hasty = times[:-1] < joined.hasty_time
        for pieces, allowed in (
            (hardest[~is_hasty], limits.accelerations),
            (hardest[is_hasty], limits.stop_accelerations),
        ):
            if len(pieces):
                self._compare("accelerate at", "rad/s²", pieces, allowed)
        turns = peak.max(axis=1) / _TURN
        bends = np.sqrt(hardest.max(axis=1) / (8.0 * _BEND))
        return np.asarray(h[:, 0] * np.maximum(turns, bends))

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

    def _check_path(self, trajectory: JointTrajectory, shares: np.ndarray) -> None:
        samples = _samples(trajectory.times, shares)
        start = trajectory.positions[0]
        spline = CubicHermiteSpline(trajectory.times, trajectory.positions, trajectory.velocities)
        joints = spline(samples)
        self._arm.limits.check_positions(joints, self._arm.joint_names, start)
        stopped = samples[::_STOP_EVERY]
        stops = self._stops(joints[::_STOP_EVERY], spline(stopped, 1))
        tool, heights = self.places(np.vstack([start, joints, stops]))
        path = len(samples) + 1
        self._check_box(tool[:path, :3], samples)
        self._check_height(heights[:path], samples)
        speeds = np.linalg.norm(np.diff(tool[1:path, 0], axis=0), axis=1) / np.diff(samples)
        if speeds.max() > _SLACK * self._safety.tcp_speed:
            raise CommandRejectedError(
                f"The TCP would move at {speeds.max():.2f} m/s, {samples[speeds.argmax()]:.2f} s "
                f"into the trajectory; its limit is {self._safety.tcp_speed} m/s."
            )
        stopped = np.tile(stopped, len(stops) // len(stopped))
        self._check_box(np.delete(tool, slice(1, path), 0)[:, :3], stopped, is_stop=True)
        self._check_height(np.delete(heights, slice(1, path), 0), stopped, is_stop=True)

    def _stops(self, joints: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Return where a stop leads to, from each of many states.

        Each joint brakes as hard as it may, as simulated arms do, or all come to rest together, as a UR's
        do. Of the first, which bends, the middle is looked at as well.

        Args:
            joints: Shape (T, n) [rad].
            rates: Shape (T, n) [rad/s].

        Returns:
            Shape (3 T, n) [rad].
        """
        braking = np.abs(rates) / np.asarray(self._arm.limits.stop_accelerations)  # [s]
        longest = braking.max(axis=1, keepdims=True)
        left = np.clip(1.0 - 0.5 * longest / np.maximum(braking, 1e-9), 0.0, None)
        each = 0.5 * rates * braking
        return np.vstack(
            [joints + each * (1.0 - left**2), joints + each, joints + 0.5 * rates * longest]
        )

    def _check_box(
        self, points: np.ndarray, samples: np.ndarray, *, is_stop: bool = False
    ) -> None:
        box = self._safety.box
        lower, upper = np.asarray(box.lower), np.asarray(box.upper)
        outside = np.maximum(lower - points, points - upper)  # (1 + T, 3 points, xyz)
        excess = _excess(outside, is_stop)
        t, point, axis = np.unravel_index(int(excess.argmax()), excess.shape)
        if excess[t, point, axis] > 0.0:
            raise CommandRejectedError(
                f"{'TCP' if point == 0 else 'Fingertip'} {'xyz'[axis]} would be "
                f"{points[t + 1, point, axis]:.3f} m{_when(samples[t], is_stop)}; the "
                f"safety box allows [{lower[axis]}, {upper[axis]}] m."
            )

    def _check_height(
        self, heights: np.ndarray, samples: np.ndarray, *, is_stop: bool = False
    ) -> None:
        excess = _excess(self._safety.link_height - heights, is_stop)
        t, link = np.unravel_index(int(excess.argmax()), excess.shape)
        if excess[t, link] > 0.0:
            names = [*self._arm.joint_names[_ELBOW - 1 :], "the flange"]
            raise CommandRejectedError(
                f"The height of {names[link]} would be {heights[t + 1, link]:.3f} m"
                f"{_when(samples[t], is_stop)}; at least {self._safety.link_height} m are demanded."
            )


class _Chain:
    """Forward kinematics of many joint positions at once."""

    def __init__(self, model: "pin.Model") -> None:
        data, rest = model.createData(), pin.neutral(model)
        self._placements = [
            (np.array(m.rotation), np.array(m.translation)) for m in model.jointPlacements[1:]
        ]
        # In the joint's own frame: what it moves along if it slides, what it turns about if it turns.
        of_joints = [
            pin.computeJointJacobian(model, data, rest, i)[:, i - 1]
            for i in range(1, model.njoints)
        ]
        self._slides, self._axes = ([j[part] for j in of_joints] for part in (_ALONG, _ABOUT))
        tcp = model.frames[model.getFrameId("tcp")].placement
        self._tcp = np.array(tcp.rotation), np.array(tcp.translation)

    def follow(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the TCP's rotations (T, 3, 3) and the origins of joints and TCP (T, n + 1, 3) [m]."""
        rotation, origin = np.eye(3), np.zeros(3)
        origins = []
        for (turned, moved), slide, axis, ways in zip(
            self._placements, self._slides, self._axes, joints.T, strict=True
        ):
            origin = origin + rotation @ moved
            rotation = rotation @ turned
            if slide.any():
                origin = origin + (rotation @ (ways[:, None] * slide)[:, :, None])[..., 0]
            origins.append(np.broadcast_to(origin, (len(joints), 3)))
            rotation = rotation @ Rotation.from_rotvec(ways[:, None] * axis).as_matrix()
        origins.append(origin + rotation @ self._tcp[1])
        return rotation @ self._tcp[0], np.stack(origins, axis=1)


def _excess(outside: np.ndarray, is_stop: bool) -> np.ndarray:
    """Return by how much a path is farther out than it may be, shape (T, ...) [m].

    Args:
        outside: How far out (negative: inside), where the arm is and along the path, (1 + T, ...).
        is_stop: Whether these are places of stops, of which none is an end.
    """
    excess = outside[1:] - np.maximum(outside[0], _STOP_SLACK if is_stop else _POSITION_SLACK)
    if not is_stop:
        excess[-1] = outside[-1] - np.maximum(outside[0] - _RETURN, _POSITION_SLACK)
    return np.asarray(excess)


def _when(time: float, is_stop: bool) -> str:
    return f", {'in a stop ' if is_stop else ''}{time:.2f} s into the trajectory"


def _samples(times: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the times at which a path is looked at [s]: dense where it is fast or bends.

    Even in time, a quick way out and back in a long trajectory would fall between two of them.

    Args:
        times: Of the points, shape (T,) [s].
        shares: How many samples the way from each point to the next needs, shape (T - 1,).

    Raises:
        CommandRejectedError: if there would be more than `_MAX_SAMPLES`.
    """
    least = _MIN_SAMPLES * np.diff(times) / (times[-1] - times[0])
    needed = np.concatenate([[0.0], np.cumsum(np.maximum(shares, least))])
    count = int(np.ceil(needed[-1]))
    if count > _MAX_SAMPLES:
        raise CommandRejectedError(
            f"The trajectory is too long to be judged: {count} samples along it, at most "
            f"{_MAX_SAMPLES} are taken. Send it in parts."
        )
    return np.asarray(np.interp(np.linspace(0.0, needed[-1], count + 1), needed, times))
