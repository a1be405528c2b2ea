"""One fully convolutional network that values all pixels and yaws: the baselines FCN and Rot-FCN.

Zhu et al., "Equivariant grasp learning in real time", section 6.1.
"""

from equigrasp.methods.fcn.config import FcnConfig as Config
from equigrasp.methods.fcn.learner import make_learner
from equigrasp.methods.fcn.networks import make_networks
from equigrasp.methods.fcn.policy import make_policy

__all__ = ["Config", "make_learner", "make_networks", "make_policy"]
