"""Collect poses of the board: guided by a person, or by the arm itself."""

import threading
from dataclasses import dataclass, field

import numpy as np

from equigrasp.calibration.capture import capture_sample
from equigrasp.calibration.detection import BoardDetector
from equigrasp.calibration.hand_eye_checks import MIN_POSES
from equigrasp.calibration.hand_eye_refinement import Sample
from equigrasp.calibration.poses import calibration_poses
from equigrasp.calibration.setup import Ask, CalibrationSetup, Say
from equigrasp.errors import CalibrationError, PerceptionError, PlanningError
from equigrasp.geometry.transform import Transform
from equigrasp.planning.motion_planner import MotionPlanner
from equigrasp.primitives.motion import Motion

_SPARE = 3  # as many targets as poses are wanted: some cannot be reached


@dataclass(eq=False)
class HandEyePoses:
    """Poses so far, and the pictures that belong to them.

    Args:
        setup: Arm, camera and planner.
        detector: Of the board.
        say: Told what happens.
    """

    setup: CalibrationSetup
    detector: BoardDetector
    say: Say
    samples: list[Sample] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)

    def take(self) -> bool:
        """Take a pose where the arm is; tell why not if the board is not seen or the arm moves."""
        name = f"pose {len(self.samples) + 1}"
        try:
            sample, frame = capture_sample(
                name, self.setup.cell, self.setup.planner, self.detector
            )
        except (PerceptionError, CalibrationError) as error:
            self.say(f"  not taken: {error}")
            return False
        self.samples.append(sample)
        self.pictures.append(frame.color)
        self.say(f"  {name}: {len(sample.view.ids)} of {len(self.detector.corners)} corners")
        return True

    def guided(self, ask: Ask) -> None:
        """Have a person move the arm from pose to pose until there are enough."""
        self.say(
            "Move the arm (freedrive or pendant) so that the camera sees the board; tilt it by 20 to "
            "30 deg about ever other axes, and cover the image's middle and corners."
        )
        while True:
            answer = ask(
                f"{len(self.samples)} poses. Enter: take this one, u: undo, d: done > "
            ).strip()
            if answer == "d":
                return
            if answer == "u" and self.samples:
                self.samples.pop()
                self.pictures.pop()
            elif answer == "":
                self.take()

    def automatic(self, count: int, *, is_dry_run: bool = False) -> None:
        """Let the arm go to poses about where it is, each planned free of collisions.

        Args:
            count: Poses to try for.
            is_dry_run: Plan and tell, move nothing.

        Raises:
            CalibrationError: if the board is not seen at the start, or too few poses fit.
            DeviceError: if the arm fails; it is at rest then.
        """
        if not self.take():
            raise CalibrationError("Bring the board into the camera's view first.")
        model, start = self.setup.cell.camera.model, self.samples[0]
        camera, seen = self.setup.t_base_camera, self.detector.pose(start.view, model)
        box, board = self.setup.configured.safety.box, self.detector.board
        targets = calibration_poses(
            start.t_base_tcp, seen, camera, board, model, box, _SPARE * count
        )
        mount = start.t_base_tcp.inverse() * camera * seen
        planner = self.setup.planner_with_board(board, mount)
        motion = Motion(self.setup.cell, threading.Event())
        try:
            reached = self._visit(targets, count, planner, motion, is_dry_run)
        except KeyboardInterrupt:
            motion.halt()
            raise
        if reached < MIN_POSES:
            raise CalibrationError(
                f"Only {reached} poses about the start are in view, reachable and free of "
                f"collisions; {MIN_POSES} are needed. Start with the board in the image's middle."
            )

    def _visit(
        self,
        targets: list[Transform],
        count: int,
        planner: MotionPlanner,
        motion: Motion,
        is_dry_run: bool,
    ) -> int:
        """Go from target to target and back; return how many poses are good, with the first."""
        reached = 1
        start = here = motion.joint_positions()
        for target in targets:
            if reached == count:
                break
            try:
                trajectory = planner.plan_pose(here, target)
            except PlanningError:
                continue
            x, y, z = target.position
            self.say(f"to TCP ({x:.3f}, {y:.3f}, {z:.3f}) m in {trajectory.duration:.1f} s")
            if is_dry_run:
                here, reached = trajectory.positions[-1], reached + 1
                continue
            motion.follow(trajectory)
            reached += self.take()
            here = motion.joint_positions()
        if not is_dry_run:
            motion.follow(planner.plan_joints(here, start))
        return reached
