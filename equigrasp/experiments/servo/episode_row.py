"""What is known of an episode of an evaluation in closed loop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EpisodeRow:
    """One episode.

    Args:
        scene: Number of its scene.
        episode: Its number in the scene.
        success: 1 or 0.
        ended_by: See `ServoResult`; `error`: the robot could not go on, which counts as a failure.
        steps: How many it took.
        contacts: Steps in which something pushed back.
        shortened: Steps that were shortened.
        disturbed: 1 where the event happened.
        disagreeing: 1 where simulator and detector disagree.
        value: Predicted return at the first step; nan: the policy predicts none.
        duration: From its beginning to its end [s, robot clock].
        seconds: The same [s, wall clock].
        left: Objects in the tray after it; -1: not known.
    """

    scene: int
    episode: int
    success: int
    ended_by: str
    steps: int
    contacts: int
    shortened: int
    disturbed: int
    disagreeing: int
    value: float
    duration: float
    seconds: float
    left: int = -1
