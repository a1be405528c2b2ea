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
from equigrasp.devices.arm import JointTrajectory
from equigrasp.errors import CalibrationError, PerceptionError, PlanningError
from equigrasp.primitives.motion import Motion


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
        targets = calibration_poses(
            start.t_base_tcp, seen, camera, self.detector.board, model,
            self.setup.configured.safety_box, 3 * count,
        )  # fmt: skip
        self._planner = self.setup.planner_with_board(
            self.detector.board, start.t_base_tcp.inverse() * camera * seen
        )
        motion = Motion(self.setup.cell, threading.Event())
        home = here = motion.joint_positions()
        num_planned = 1
        try:
            for target in targets:
                if num_planned >= count:
                    break
                trajectory = self._plan(here, target)
                if trajectory is None:
                    continue
                num_planned += 1
                x, y, z = target.position
                self.say(f"to TCP ({x:.3f}, {y:.3f}, {z:.3f}) m in {trajectory.duration:.1f} s")
                if is_dry_run:
                    here = trajectory.positions[-1]
                    continue
                motion.follow(trajectory)
                num_planned -= not self.take()
                here = motion.joint_positions()
            if not is_dry_run:
                motion.follow(self._planner.plan_joints(here, home))
        except KeyboardInterrupt:
            motion.halt()
            raise
        if num_planned < MIN_POSES:
            raise CalibrationError(
                f"Only {num_planned} poses about the start are in view, reachable and free of "
                f"collisions; {MIN_POSES} are needed. Start with the board in the image's middle."
            )

    def _plan(self, here: np.ndarray, target: object) -> JointTrajectory | None:
        try:
            return self._planner.plan_pose(here, target)  # type: ignore[arg-type]
        except PlanningError:
            return None
