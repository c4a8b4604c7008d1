"""The answer of `/metrics`: what PostgreSQL, Keycloak and the web processes of this host gave in time.

A scrape waits for nothing longer than a few seconds: what does not answer is left out, and its `…_up` is 0.
"""

from __future__ import annotations

import ipaddress
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from admin.operations.keycloak import answers_ok
from admin.operations.metrics.database import DatabaseMetrics
from admin.operations.schema_version import newest_version

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_multiprocess: Any = multiprocess  # brings no types
_KEYCLOAK_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 1.0
"""Whoever asks more often than that is given the last answer again."""

_CERTIFICATES: Final = "/realms/moyai/protocol/openid-connect/certs"
"""What Keycloak is asked for: the public keys of a realm, for which it needs its database."""


@dataclass(frozen=True, slots=True)
class ScrapeSources:
    """What a scrape reads, as JSON values: it is handed to the health listener on standard input.

    `folder` holds the figures of the web processes, `networks` are those whose callers are answered, `mail_kinds` the
    kinds of jobs that send a mail, `web_process` the process that the listener answers for.
    """

    folder: str
    networks: Sequence[str]
    keycloak_url: str
    mail_kinds: Sequence[str]
    version: str
    web_process: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Scraper:
    """Answers scrapes, one at a time."""

    def __init__(self, sources: ScrapeSources, url: str, is_alive: Callable[[], bool]) -> None:
        """`url` is the database's (SQLAlchemy's, the application's role); `is_alive` asks for the web process."""
        self._sources = sources
        self._networks = [ipaddress.ip_network(network) for network in sources.networks]
        self._database = DatabaseMetrics(url, schema_of_code=newest_version(), mail_kinds=sources.mail_kinds)
        self._is_alive = is_alive
        self._guard = threading.Lock()
        self._made_at = float("-inf")
        self._content = b""

    def answers(self, address: str) -> bool:
        """Whether the caller at an IP address is one of those who may read the metrics."""
        caller = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(caller, "ipv4_mapped", None)
        return any((mapped or caller) in network for network in self._networks)

    def content(self) -> bytes:
        """The metrics in Prometheus's text format."""
        with self._guard:
            if monotonic() - self._made_at > _KEPT_SECONDS:
                self._content = self._scrape()
                self._made_at = monotonic()
            return self._content

    def end(self) -> None:
        """The web process has ended: its connections and what it was working on count no more, its requests do."""
        _multiprocess.mark_process_dead(self._sources.web_process, self._sources.folder)

    def _scrape(self) -> bytes:
        keycloak: list[bool] = []
        address = f"{self._sources.keycloak_url}{_CERTIFICATES}"
        asking = threading.Thread(
            target=lambda: keycloak.append(answers_ok(address, seconds=_KEYCLOAK_SECONDS)), daemon=True
        )
        asking.start()
        of_database = self._database.read()
        asking.join(_KEYCLOAK_SECONDS)
        of_web, web_is_readable = self._of_web_processes()
        build = GaugeMetricFamily("moyai_build_info", "The program that answers.", labels=["version", "schema"])
        build.add_metric([self._sources.version, newest_version()], 1)
        registry = CollectorRegistry()
        registry.register(
            _Given(
                [
                    build,
                    _gauge("moyai_web_up", "1 where this web process lives.", self._is_alive()),
                    _gauge("moyai_web_metrics_up", "1 where the web processes' figures are readable.", web_is_readable),
                    _gauge("moyai_keycloak_up", "1 where Keycloak answers.", any(keycloak)),
                    *of_database,
                    *of_web,
                ]
            )
        )
        return generate_latest(registry)

    def _of_web_processes(self) -> tuple[list[Metric], bool]:
        try:
            # Added up over the processes of this host.
            return list(_multiprocess.MultiProcessCollector(None, self._sources.folder).collect()), True
        except (OSError, ValueError, RuntimeError, struct.error):
            return [], False  # A file that was cut, or removed at this moment.


class _Given(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _gauge(name: str, text: str, value: bool) -> Metric:
    return GaugeMetricFamily(name, text, float(value))
