"""Threads get the world's lock in turn."""

import threading
import time

from equigrasp.simulation.fair_lock import FairLock


def test_who_waits_gets_it_before_a_holder_that_wants_it_back() -> None:
    for _ in range(20):
        lock, order = FairLock(), []

        def wait(lock: FairLock = lock, order: list[str] = order) -> None:
            with lock:
                order.append("waiter")

        waiter = threading.Thread(target=wait)
        with lock:
            waiter.start()
            while not lock._turnstile.locked():
                time.sleep(1e-3)
        with lock:
            order.append("holder")
        waiter.join()
        assert order == ["waiter", "holder"]


def test_a_thread_that_holds_it_may_take_it_again_while_another_waits() -> None:
    lock, order = FairLock(), []

    def wait() -> None:
        with lock:
            order.append("other")

    other = threading.Thread(target=wait)
    with lock:
        other.start()
        time.sleep(0.02)
        with lock:
            order.append("inner")
        time.sleep(0.02)
        order.append("outer")
    other.join()
    assert order == ["inner", "outer", "other"]
