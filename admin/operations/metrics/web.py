"""What a web process counts: requests, connections to PostgreSQL, keys. Files of the process's own hold the figures.

The service's environment names their folder (`services.web`), because prometheus-client reads that variable when it is
imported. Without it the figures stay in the memory of the process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from admin.operations.request_server import ENDPOINT
from tenancy.keycloak.keys import AccountKey, KeyState

NO_ENDPOINT: Final = "(none)"
"""The endpoint of a request to no address of ours, or of one that was refused before the application was asked."""

OTHER_METHOD: Final = "other"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds. Five is what a page may take with a frozen server; three is asked of the platform."""


_RESERVED_BYTES: Final = {
    "counter": 2**20,
    "histogram": 2**21,
    **dict.fromkeys(("gauge_livesum", "gauge_livemin", "gauge_livemax"), 2**16),
}


class BoundedPool(Protocol):
    """What is read of SQLAlchemy's QueuePool."""

    def checkedout(self) -> int: ...
    def checkedin(self) -> int: ...


def reserve_files(folder: Path) -> None:
    """Give the files of this process's figures their place on the disk, before the first figure is made.

    They are mapped into memory: where the disk is full, writing to a page without a place ends the process (SIGBUS).
    Raises OSError where there is no place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for kind, size in _RESERVED_BYTES.items():
        with (folder / f"{kind}_{os.getpid()}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)


class WebMetrics:
    """The figures of this process. One a process; in the tests each on a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        def gauge(name: str, text: str, labels: Sequence[str] = (), *, mode: Any = "livesum") -> Gauge:
            return Gauge(name, text, labels, multiprocess_mode=mode, registry=registry)

        self._requests = Counter(
            "moyai_http_requests", "Requests answered.", ("endpoint", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "moyai_http_request_seconds",
            "Seconds from the request's headers to the answer, waiting for a thread among them.",
            ("endpoint", "method"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._at_once = gauge("moyai_http_requests_in_progress", "Requests worked on, or waiting for a thread.")
        self._connections = gauge(
            "moyai_database_connections", "Connections to PostgreSQL, by pool.", ("pool", "state")
        )
        self._limit = gauge("moyai_database_connections_limit", "Connections that a pool may have.", ("pool",))
        self._keys_held = gauge(
            "moyai_keycloak_keys_held", "1 where tokens verify while Keycloak is unreachable.", mode="livemin"
        )
        self._client_keys = gauge(
            "moyai_keycloak_client_keys", "Public keys that Keycloak is to accept.", ("client",), mode="livemax"
        )
        self._key_made = gauge(
            "moyai_keycloak_client_key_made_timestamp_seconds",
            "When the key was made that the client signs with.",
            ("client",),
            mode="livemax",
        )

    def observe(self, environ: Mapping[str, Any] | None, method: str, status: int, seconds: float) -> None:
        """Count an answer. `environ` is what the application was called with, None where it was not."""
        endpoint = (environ or {}).get(ENDPOINT, NO_ENDPOINT)
        method = method if method in _METHODS else OTHER_METHOD
        self._requests.labels(endpoint, method, str(status)).inc()
        self._seconds.labels(endpoint, method).observe(seconds)

    def sample(
        self,
        *,
        at_once: int,
        pools: Mapping[str, BoundedPool],
        limit: int,
        keys_held: bool,
        client_keys: Mapping[str, AccountKey],
    ) -> None:
        """Set what is looked at once a second. `client_keys` are by the client's name in Keycloak."""
        self._at_once.set(at_once)
        for name, pool in pools.items():
            self._connections.labels(name, "used").set(pool.checkedout())
            self._connections.labels(name, "idle").set(pool.checkedin())
            self._limit.labels(name).set(limit)
        self._keys_held.set(keys_held)
        for client, key in client_keys.items():
            self._client_keys.labels(client).set(sum(key.path(state).exists() for state in KeyState))
            if key.path().exists():
                self._key_made.labels(client).set(key.made_at(KeyState.CURRENT).timestamp())
