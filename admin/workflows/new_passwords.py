"""A new password ends the sessions of the old one, which Keycloak leaves open unless the person asks for their end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from admin.identity.lifetimes import LONGEST
from governance.kernel import clock
from governance.kernel.deadlines import WaitLimits, wait_limits
from tenancy.keycloak.port import Identities, Realm

log = structlog.get_logger(__name__)

LIMITS: Final = WaitLimits(one=2.0, total=2.0)
"""The worker's other periodic tasks wait behind this one while Keycloak does not answer."""

OVERLAP: Final = timedelta(minutes=1)
"""How far Keycloak's clock may be behind ours; looked at twice, a new password does no more."""


class NewPasswords:
    """Asks Keycloak at each call for the passwords set since the last one, at the first call for those of a day.

    No session lasts longer. Keycloak tells the web of each session it ends, which ends the access tokens of it.
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._asked_at: dict[Realm, datetime] = {}

    def __call__(self) -> None:
        """End the sessions that began before their person's newest password. Raises DependencyUnavailable."""
        for realm in Realm:
            now = clock.now()
            since = self._asked_at.get(realm, now - LONGEST) - OVERLAP
            with wait_limits(LIMITS):
                outdated = self._identities.find_outdated_sessions(realm, since)
                for sid in outdated:
                    self._identities.end_session(realm, sid)
            self._asked_at[realm] = now
            if outdated:
                log.info("sessions.ended_by_new_password", realm=realm.value, sessions=len(outdated))
