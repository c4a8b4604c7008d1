"""A few threads for the calls of one step that don't wait for each other: fifty people, three clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class ParallelMap:
    """At most `threads` calls at a time, however many tenants are at work. Work given to it must not give it work."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="keycloak")

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT]:
        """`do` for each item, results in the order of the items. All are finished before the first error is raised."""
        given: list[Future[ResultT]] = [self._pool.submit(copy_context().run, function, item) for item in items]
        wait(given)
        return [future.result() for future in given]

    def close(self) -> None:
        self._pool.shutdown()
