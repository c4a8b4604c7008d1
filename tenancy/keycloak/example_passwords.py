"""Passwords of the example's accounts, so that a visitor can sign in. For nothing else.

Whoever may set a password may become that person; Moyai's rule is that an administrator triggers a password and never
chooses it. So this is not part of `Identities`: it is made where the example is loaded and refuses any other place.
"""

from __future__ import annotations

from uuid import UUID

from governance.kernel.errors import NotAllowed, message
from tenancy.keycloak.adapter import LockPeople, no_lock
from tenancy.keycloak.connection import KeyCredential, RealmConnection
from tenancy.keycloak.keys import BackendKeys
from tenancy.keycloak.people import user_id
from tenancy.keycloak.port import Realm
from tenancy.keycloak.specification.shared import PEOPLE_CLIENT

EXAMPLE_ONLY = message(
    "keycloak.example_only",
    ja="例示データを使うとき（MOYAI_EXAMPLE=1）だけの操作です。",
    en="This is for the example only (MOYAI_EXAMPLE=1).",
)


class ExamplePasswords:
    """Sets passwords that last, without a mail."""

    def __init__(self, server_url: str, keys: BackendKeys, *, example: bool, lock_people: LockPeople = no_lock) -> None:
        """Refused with `NotAllowed` where the installation does not run the example."""
        if not example:
            raise NotAllowed(EXAMPLE_ONLY)
        self._lock_people = lock_people
        credential = KeyCredential(PEOPLE_CLIENT, keys.people)
        self._people = {realm: RealmConnection(server_url, realm, credential) for realm in Realm}

    def set(self, person_id: UUID, password: str, realm: Realm = Realm.TENANTS) -> None:
        """Give the person this password and end their sessions, which Keycloak would leave open.

        `NotFound` without the person, `Conflict` when the policy refuses the password.
        """
        connection = self._people[realm]
        with self._lock_people([person_id]):
            user = user_id(connection, person_id)
            body = {"type": "password", "value": password, "temporary": False}
            connection.replace(f"users/{user}/reset-password", body)
            connection.admin.user_logout(user)
