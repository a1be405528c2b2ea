"""Augmented State Representation with equivariant networks.

Zhu et al., "Equivariant grasp learning in real time". q1 chooses the pixel, q2 the yaw.
"""

from equigrasp.methods.asr.config import AsrConfig as Config
from equigrasp.methods.asr.learner import make_learner
from equigrasp.methods.asr.networks import make_networks
from equigrasp.methods.asr.policy import make_policy

__all__ = ["Config", "make_learner", "make_networks", "make_policy"]
