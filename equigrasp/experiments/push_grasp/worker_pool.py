"""Processes that work for this one, and end with it."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch

from equigrasp.devices.owner import Owner, become_owner
from equigrasp.methods.registry import load_method


def worker_pool(
    num_processes: int, method: str, begin: Callable[..., None] | None = None, *arguments: Any
) -> ProcessPoolExecutor:
    """Return a pool of new processes, which end as soon as this one has, whatever ends it.

    Args:
        num_processes: How many.
        method: Configuration whose `training.num_threads` each gives to PyTorch.
        begin: Called once in each, with the arguments.
        arguments: Of `begin`.
    """
    context = multiprocessing.get_context("spawn")  # a forked simulator, or torch, may hang
    num_threads = load_method(method)[1].training.num_threads
    given = (become_owner(), num_threads, begin, arguments)
    return ProcessPoolExecutor(num_processes, context, _begin, given)


def _begin(
    owner: Owner, num_threads: int, begin: Callable[..., None] | None, arguments: tuple[Any, ...]
) -> None:
    owner.watch(lambda: os._exit(1))  # what is half done is done again
    torch.set_num_threads(num_threads)
    if begin is not None:
        begin(*arguments)
