"""Which method acts with a run's weights, or with weights alone."""

from pathlib import Path

from equigrasp.errors import WeightsError
from equigrasp.learning.method_names import DEFAULT_METHOD, full_name, name_from_file
from equigrasp.learning.trained_weights import check_trained_weights
from equigrasp.learning.weight_store import load_weights
from equigrasp.methods.registry import load_method


def acting_method(method: str, size: str, of_run: str, weights: Path | None) -> str:
    """Return the full name of the method that acts.

    Args:
        method: What was asked for; empty: nothing.
        size: Of its networks; empty: as the name says, or the default's.
        of_run: What the run's folder calls its method; empty: there is no run.
        weights: Weight file that was named; None: none.

    Returns:
        What was asked for; else the run's own method; else the product's default if the weights fit its
        networks; else the method that is stored with them.
    """
    if method:
        return full_name(method, size)
    if of_run:
        return full_name(name_from_file(of_run), size)
    default = full_name(DEFAULT_METHOD, size)
    if weights is None or size:
        return default
    stored = name_from_file(load_weights(weights)[1].get("configuration", ""))
    return default if not stored or _fits(weights, default) else full_name(stored)


def _fits(weights: Path, method: str) -> bool:
    try:
        package, config = load_method(method)
        check_trained_weights(weights, package.make_networks, config)
    except WeightsError:
        return False
    return True
