"""QT-Opt: closed-loop grasping by Q-learning, without a policy network.

"QT-Opt: Scalable Deep Reinforcement Learning for Vision-Based Robotic Manipulation", CoRL 2018. A search over
sampled steps of the gripper takes the policy's place, in acting as in targets.
"""

from equigrasp.learning.method import Method
from equigrasp.methods.qt_opt.batches import QtOptBatches
from equigrasp.methods.qt_opt.config import QtOptConfig
from equigrasp.methods.qt_opt.labelled import LABELLED
from equigrasp.methods.qt_opt.learner import METRICS, make_learner
from equigrasp.methods.qt_opt.networks import make_networks
from equigrasp.methods.qt_opt.policy import make_policy
from equigrasp.methods.qt_opt.servo_step import encode, make_spec, with_executed

METHOD = Method(
    name="qt_opt",
    config=QtOptConfig,
    metrics=METRICS,
    make_spec=make_spec,
    encode=encode,
    make_networks=make_networks,
    make_policy=make_policy,
    make_batches=QtOptBatches,
    make_learner=make_learner,
    with_executed=with_executed,
    is_closed_loop=True,
    labelled=LABELLED,
)
