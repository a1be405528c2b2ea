"""A segmenter behind ROS: any node that serves SegmentScene."""

import threading
from typing import Any

import numpy as np
from equigrasp_interfaces.srv import PlanGrasp, PlanPushGrasp, SegmentScene

from equigrasp.errors import CancelledError, DeviceTimeoutError, PerceptionError
from equigrasp.perception.observation import Observation
from equigrasp.ros.messages.scenes import from_label_map_msg
from equigrasp.ros.messages.times import from_time, to_time
from equigrasp.ros.runtime.calls import Caller
from equigrasp.ros.training.plan_codes import PlanError

_STAMP_STEP = 1e-6  # [s] that a stamp may lose on its way through floats
_CODES = PlanPushGrasp.Response


class RemoteSegmenter:
    """See `Segmenter`.

    Args:
        client: Of the service; its node spins in another thread.
        timeout: Longest wait for an answer [s, wall clock].
        is_halted: Ends the wait when it is set.
    """

    def __init__(self, client: Any, timeout: float, is_halted: threading.Event) -> None:
        self._client, self._timeout, self._is_halted = client, timeout, is_halted

    def segment(self, observation: Observation) -> np.ndarray:
        """See `Segmenter.segment`; labels must be of the observation's image or a later one.

        Raises:
            PlanError: if no answer comes, or one that cannot be used.
        """
        workspace, name = observation.workspace, self._client.srv_name
        request = SegmentScene.Request(
            workspace=workspace.name, not_before=to_time(observation.stamp)
        )
        try:
            answer = Caller(self._is_halted).call(self._client, request, self._timeout)
        except DeviceTimeoutError as error:
            raise PlanError(_CODES.SEGMENTER_FAILED, str(error)) from error
        except CancelledError as error:
            text = f"The node was deactivated while '{name}' was asked."
            raise PlanError(PlanGrasp.Response.NOT_ACTIVE, text) from error
        if answer.error_code:
            text = f"'{name}' answered with error {answer.error_code}: {answer.error_msg}"
            raise PlanError(_CODES.SEGMENTER_FAILED, text)
        try:
            labels = from_label_map_msg(answer.labels, workspace)
        except PerceptionError as error:
            raise PlanError(_CODES.BAD_LABELS, f"From '{name}': {error}") from error
        stamp = from_time(answer.labels.header.stamp)
        if stamp < observation.stamp - _STAMP_STEP:
            raise PlanError(
                _CODES.STALE_LABELS,
                f"The labels of '{name}' are {observation.stamp - stamp:.3f} s older than the image "
                "that they were asked for.",
            )
        return labels
