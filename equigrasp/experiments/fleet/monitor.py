"""A live table of a fleet: rates, age of labels, shares of buffers, and what has died."""

import math
from collections.abc import Mapping

from tqdm import tqdm

from equigrasp.experiments.fleet.runtime import RoleState, names_of

_RATES = {"replay": "steps", "updater": "labels", "learner": "steps", "collector": "episodes"}


class FleetMonitor:
    """Turns what roles report into a table; rates are over the time since the table before.

    Args:
        max_steps: SGD steps of the run; 0: not known.
    """

    def __init__(self, max_steps: int = 0) -> None:
        self._max_steps = max_steps
        self._before: tuple[float, dict[str, float]] | None = None

    def table(self, states: Mapping[str, RoleState], now: float) -> str:
        """Return the table, a line a kind of role, then a line for each that has died.

        Args:
            states: From `Runtime.watch`.
            now: Time by any clock [s].
        """
        totals = {
            f"{kind} {key}": _sum(states, kind, key)
            for kind, key in (*_RATES.items(), ("collector", "waits"), ("replay", "episodes"))
        }
        rates = self._rates(totals, now)
        online, offline = (_sum(states, "replay", key) for key in ("online", "offline"))
        share = online / (online + offline) if online + offline else math.nan
        label = states["labels"].figures if "labels" in states else {}
        lines = [
            f"collectors  {_alive(states, 'collector')}  {rates['collector episodes']:.2f} episodes/s, "
            f"{totals['replay episodes']:.0f} logged, {totals['collector waits']:.0f} waits",
            f"replay      {_alive(states, 'replay')}  {rates['replay steps']:.1f} steps/s; "
            f"online {online:.0f}, offline {offline:.0f} ({_percent(share)} online)",
            f"updaters    {_alive(states, 'updater')}  {rates['updater labels']:.0f} labels/s; age "
            f"{_number(label.get('label_age'))} steps, lag {_number(label.get('lag'))}",
            f"learner     {_alive(states, 'learner')}  {rates['learner steps']:.1f} steps/s, at step "
            f"{totals['learner steps']:.0f}{self._left(totals, rates)}",
        ]
        lines += [
            f"! {name}: ended by {state.reason}, started again {state.num_restarts} times"
            for name, state in states.items()
            if state.reason
        ]
        return "\n".join(lines)

    def _left(self, totals: Mapping[str, float], rates: Mapping[str, float]) -> str:
        """Return how much is left to learn, and for how long at the present rate."""
        if not self._max_steps:
            return ""
        left, rate = self._max_steps - totals["learner steps"], rates["learner steps"]
        time_left = f", {tqdm.format_interval(left / rate)} left" if rate else ""
        return f" of {self._max_steps}{time_left}"

    def _rates(self, totals: Mapping[str, float], now: float) -> dict[str, float]:
        before, self._before = self._before, (now, dict(totals))
        if before is None or now <= before[0]:
            return dict.fromkeys(totals, 0.0)
        # What was started again counts from 0 once more.
        return {k: max(0.0, n - before[1][k]) / (now - before[0]) for k, n in totals.items()}


def _sum(states: Mapping[str, RoleState], kind: str, key: str) -> float:
    return sum(float(states[n].figures.get(key, 0.0)) for n in names_of(list(states), kind))


def _alive(states: Mapping[str, RoleState], kind: str) -> str:
    names = names_of(list(states), kind)
    return f"{sum(states[n].is_alive for n in names)}/{len(names)}"


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.0f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"
