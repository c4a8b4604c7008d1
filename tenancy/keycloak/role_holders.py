"""Who is in which role group, for all tenants: read anew only where Keycloak's own record says it may have changed.

Keycloak lists the members of one group at a time, so that reading who holds what costs a call for each role of each
tenant. Every change an administrator makes there leaves an event in the same transaction; of what no event speaks, the
last reading still holds. What leaves no event is found a week later at the latest, and at once by a reading of that
one tenant (`KeycloakReader.describe_tenant`), which remembers nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from governance.kernel.concurrency import ParallelMap
from tenancy.keycloak.connection import RealmConnection

EVENT_PAGE_SIZE: Final = 500
OVERLAP_SECONDS: Final = 600
"""Events are looked for from so long before the last round: one is seen only once its transaction is committed, and the
server's clock may differ from ours. One that was seen before counts once."""

MAX_AGE_SECONDS: Final = 7 * 24 * 60 * 60

REALM: Final = "REALM"
RESOURCES: Final = (
    REALM,
    "ORGANIZATION",
    "ORGANIZATION_GROUP",
    "ORGANIZATION_GROUP_MEMBERSHIP",
    "ORGANIZATION_MEMBERSHIP",
)
"""The kinds of events after which a reading no longer holds; REALM because it may have switched the events off."""

GroupIds = Mapping[str, str]
"""Name of a role group → Keycloak's id."""
Holders = Mapping[str, frozenset[str]]
"""Name of a role group → Keycloak's ids of those in it."""


@dataclass(frozen=True, slots=True)
class _Reading:
    groups: GroupIds
    holders: Holders
    at: float


class RoleHolders:
    """The readings of this process, by organization. Safe for several threads."""

    def __init__(self, realm: RealmConnection, parallel: ParallelMap) -> None:
        self._realm = realm
        self._parallel = parallel
        self._lock = threading.Lock()
        self._readings: dict[str, _Reading] = {}
        self._seen: frozenset[str] = frozenset()
        self._looked_at: float | None = None
        self._round = 0

    def read(self, groups: Mapping[str, GroupIds]) -> dict[str, Holders]:
        """Who is in these groups of each organization. 2 calls, and one for each group that has to be read anew."""
        # The time of a server's events is compared, so it is not the clock that tests stop.
        now = time.time()
        with self._lock:
            is_recorded = self._forget_what_changed(now)
            self._round += 1
            own_round = self._round
            known = {
                organization: self._readings[organization]
                for organization, ids in groups.items()
                if (reading := self._readings.get(organization)) is not None
                and reading.groups == ids
                and now - reading.at < MAX_AGE_SECONDS
            }
        to_read = [
            (organization, name, group)
            for organization, ids in groups.items()
            if organization not in known
            for name, group in ids.items()
        ]
        members = self._parallel.map(
            lambda one: self._realm.read_pages(f"organizations/{one[0]}/groups/{one[2]}/members"), to_read
        )
        found: dict[str, dict[str, frozenset[str]]] = {
            organization: {} for organization in groups if organization not in known
        }
        for (organization, name, _), rows in zip(to_read, members, strict=True):
            found[organization][name] = frozenset(row["id"] for row in rows)
        with self._lock:
            # Had a later round begun meanwhile, it might have forgotten what is about to be remembered.
            if is_recorded and own_round == self._round:
                for organization, holders in found.items():
                    self._readings[organization] = _Reading(dict(groups[organization]), holders, now)
        return {organization: reading.holders for organization, reading in known.items()} | found

    def _forget_what_changed(self, now: float) -> bool:
        """Look at the events since the last round; whether Keycloak records them at all."""
        if not self._realm.read("").get("adminEventsEnabled"):
            self._readings.clear()
            return False
        since = (self._looked_at or now) - OVERLAP_SECONDS
        events = self._realm.read_pages(
            "admin-events",
            page=EVENT_PAGE_SIZE,
            resourceTypes=RESOURCES,
            dateFrom=int(since * 1000),
        )
        for event in events:
            if event["id"] not in self._seen:
                self._forget(event)
        self._seen = frozenset(event["id"] for event in events)
        self._looked_at = now
        return True

    def _forget(self, event: Mapping[str, Any]) -> None:
        parts = str(event.get("resourcePath") or "").split("/")
        if event.get("resourceType") == REALM or len(parts) < 2 or parts[0] != "organizations":
            self._readings.clear()
        else:
            self._readings.pop(parts[1], None)
