"""The paper's figures [%]: Zhu et al., "Equivariant grasp learning in real time", ICLR 2022 submission.

Tables 3 and 5 give validation success after 450 and 1500 attempts, mean and standard error over
runs (headed "std"); tables 1 and 2 give 100 attempts on unseen objects, mean and standard deviation
of three runs. (Headed "std" as well; no three counts of 100 have these figures as their standard
error.) Theirs are another simulator, other objects and a real robot: only the order of the methods
compares.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A mean and the spread that the paper gives with it [%]."""

    mean: float
    spread: float

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.spread:.1f}"


# Names in the paper. Section 6.1 compares the best variation of each baseline.
LABELS = {
    "asr": "the paper's method",
    "asr_cross_entropy": "the paper's method with cross-entropy",
    "equigrasp": "ours: cross-entropy, grasps rated by a script",
    "rot_fcn": "Rot FCN (FCB, aug buff)",
    "asr_baseline": "ASR (aug buff)",
    "fcn": "FCN",
    "equ_asr": "equ ASR",
    "rad_rot_fcn": "RAD Rot FCN (aug buff)",
    "drq_asr": "DrQ ASR (aug buff)",
    "rad_asr": "RAD ASR (aug buff)",
    "rad_fcn": "RAD FCN (aug buff)",
    "asr_no_equivariance": "no equivariant network",
    "asr_no_fcb": "no FCB",
    "asr_no_off_policy_loss": "no L1″",
    "asr_no_on_policy_target": "no L1′",
    "asr_epsilon_greedy": "ε-greedy",
    "asr_no_failure_priority": "no priority of failures",
    "asr_no_augmentation_buffer": "no aug buff",
    "asr_c32": "the paper's method, C32/C2, 16 copies, 1000 attempts",
    "random": "random",
}

_COMPACT_LABELS = {"equigrasp": "ours: first weights, labels and ratings by a script"}

# By method and attempts. FCN's row cannot be read in the copy that we have.
SIMULATION = {
    "asr": {450: Figure(87.1, 0.7), 1500: Figure(90.7, 1.1)},
    "rot_fcn": {450: Figure(35.5, 7.3), 1500: Figure(78.1, 1.8)},
    "asr_baseline": {450: Figure(34.0, 1.5), 1500: Figure(73.5, 3.2)},
    "equ_asr": {450: Figure(81.6, 1.2), 1500: Figure(83.3, 0.8)},
    "rad_rot_fcn": {450: Figure(51.8, 12.3), 1500: Figure(72.8, 4.2)},
    "drq_asr": {450: Figure(33.3, 4.6), 1500: Figure(74.3, 2.8)},
    "rad_asr": {450: Figure(33.4, 2.4), 1500: Figure(64.6, 8.3)},
    "rad_fcn": {450: Figure(21.4, 8.2), 1500: Figure(37.6, 0.5)},
    "asr_no_equivariance": {450: Figure(29.6, 4.4), 1500: Figure(43.5, 7.8)},
    "asr_no_fcb": {450: Figure(79.0, 3.7), 1500: Figure(87.2, 0.6)},
    "asr_no_off_policy_loss": {450: Figure(75.8, 0.3), 1500: Figure(87.4, 0.7)},
    "asr_no_on_policy_target": {450: Figure(77.3, 4.0), 1500: Figure(91.0, 1.0)},
    "asr_epsilon_greedy": {450: Figure(78.0, 3.2), 1500: Figure(90.9, 1.4)},
    "asr_no_failure_priority": {450: Figure(78.5, 1.9), 1500: Figure(89.3, 1.4)},
    "asr_no_augmentation_buffer": {450: Figure(82.6, 1.9), 1500: Figure(90.5, 1.2)},
}

# By method and set of unseen objects. Table 1 tried the easy set only.
ROBOT = {
    "random": {"easy": Figure(35.3, 4.11), "hard": Figure(31.0, 2.16)},
    "rot_fcn": {"easy": Figure(35.0, 3.56)},
    "asr_baseline": {"easy": Figure(42.0, 10.6)},
    "asr": {"easy": Figure(92.0, 3.56), "hard": Figure(89.3, 0.94)},
    "asr_c32": {"easy": Figure(93.7, 1.25), "hard": Figure(90.0, 4.08)},
}


def label(method: str, size: str) -> str:
    """Return what tables and curves call a method with networks of a size."""
    return _COMPACT_LABELS.get(method, LABELS[method]) if size == "compact" else LABELS[method]
