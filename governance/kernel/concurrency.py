"""A bounded number of threads for calls that do not depend on each other, such as fifty people in Keycloak."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Final, Self, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

MAX_TENANTS: Final = 8
"""How many tenants are planned, compared or onboarded at a time."""


class ParallelMap:
    """At most `threads` calls at a time, whoever calls `map`. A call must not use the map it runs in: it would wait
    for itself. A context manager; leaving it waits for what runs.
    """

    def __init__(self, threads: int, name: str) -> None:
        """`name` begins the names of the threads, as a stack dump shows them."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
        """The results in the order of the items, each call in a copy of the caller's context variables.

        All calls have ended before the first exception, in that order, is raised.
        """
        given: list[Future[ResultT]] = [self._pool.submit(copy_context().run, function, item) for item in items]
        wait(given)
        return [future.result() for future in given]

    def start(self, function: Callable[[], ResultT]) -> Future[ResultT]:
        """Begin one call, in a copy of the caller's context variables, as soon as a thread is free."""
        return self._pool.submit(copy_context().run, function)

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
