"""Seeds as pure functions of what they are for."""

import enum

import numpy as np


@enum.unique
class Stream(enum.IntEnum):
    """What a run's seed is used for: no two draw from the same stream of random numbers."""

    NETWORKS = 1  # first weights
    COPIES = 2  # augmented copies of the attempts in the buffer
    MINIBATCHES = 3  # which attempts a minibatch holds
    LOSSES = 4  # what a loss draws, as off-policy pixels
    VIEWS = 5  # fresh augmentations
    TRAINING_SCENES = 7  # seed of the scenes that are learned in
    EVALUATION_SCENES = 8  # seed of the scenes that weights are tried in
    CHOICES = 10  # of the policy, in the graph
    LABELS = 11  # augmented copies of labels of before
    PLACES = 12  # where objects are put down, in the graph
    CAMERAS = 13  # noise of cameras other than the overhead one
    LABELLED_SCENES = 30  # scenes of pretraining
    OWN_SCENES = 31  # scenes in which the policy's own choices are labelled
    EPOCHS = 32  # order and augmentation of a pass over labelled scenes
    PUSH_SCENES = 33  # scenes that pushes are learned in
    VALIDATION_SCENES = 34  # scenes that thresholds are chosen on
    DIFFICULTY_SCENES = 35  # scenes that are measured, not learned from
    MASK_SCENES = 38  # scenes that masks are measured in
    MASKS = 39  # noise of masks
    TASK_CHOICES = 40  # of the policy, in tasks with targets
    BELLMAN = 50  # what a label's search for the best action draws
    REPLAY_DRAWS = 51  # which transitions get labels
    LABEL_DRAWS = 52  # which labels a minibatch holds
    COLLECTORS = 53  # of each robot of a fleet
    LOGS = 54  # scenes and choices of logs that others learn from


@enum.unique
class SceneStream(enum.IntEnum):
    """What the seed of scenes is used for."""

    OBJECTS = 5  # which shapes
    EPISODES = 6  # where they fall, of an episode or a draw
    PLACES = 9  # where they are put down
    CHOICES = 10  # of the policy
    STARTS = 15  # where a hand in closed loop begins
    KNOCKS = 16  # how far cameras stand from where they are believed to


def derive_seed(*parts: int) -> int:
    """Return a 63-bit seed that depends on all parts and on nothing else."""
    return int(np.random.SeedSequence(list(parts)).generate_state(1, np.uint64)[0]) >> 1
