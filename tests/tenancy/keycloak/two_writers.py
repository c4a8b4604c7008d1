"""Two writers on the same people at once, as the example's loader and the worker are: for a test and the soak."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, OperatorIntent, PersonIntent, Realm
from tests.tenancy.keycloak.installation import Installation, Municipality

OPERATOR_ROLES = ("operator-onboarding", "operator-finance", "operator-security", "operator-auditor")


class TwoWriters:
    """Each round both write the roles, names and passwords of one member and one operator, drawn from the seed."""

    def __init__(self, installation: Installation, municipality: Municipality, seed: int) -> None:
        self._random = random.Random(seed)
        self._installation = installation
        self._municipality = municipality
        self._writers = (installation.identities(), installation.identities())
        self._member = municipality.person("tenant-owner")
        self._operator = OperatorIntent(
            municipality.person().person_id, f"operator@{municipality.code}.example.jp", "県庁", "太郎", frozenset()
        )
        municipality.onboard(self._writers[0])
        self._writers[0].ensure_people(municipality.tenant_id, [self._member])
        self._writers[0].ensure_operator(self._operator)

    def run(self, rounds: int) -> list[str]:
        """What was refused in so many rounds; empty when it is as it should be."""
        refused: list[str] = []
        for _ in range(rounds):
            refused += self._round()
        return refused

    def settle(self) -> tuple[frozenset[str], frozenset[str] | None, frozenset[str], frozenset[str]]:
        """One writer's last word: the roles wanted and those found, of the member and of the operator."""
        member, operator = self._drawn_member(), self._drawn_operator()
        writer = self._writers[0]
        writer.ensure_people(self._municipality.tenant_id, [member], withdraw_from=TENANT_ROLE_GROUPS)
        found = writer.ensure_operator(operator).found.roles
        people = writer.describe_tenant(self._municipality.tenant_id).people
        groups = next(person.groups for person in people if person.username == member.username)
        return member.roles, groups, operator.roles, found

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    def _round(self) -> list[str]:
        together = threading.Barrier(2)
        refused: list[str] = []
        intents = [(writer, self._drawn_member(), self._drawn_operator()) for writer in self._writers]

        def write(writer: KeycloakIdentities, member: PersonIntent, operator: OperatorIntent) -> None:
            together.wait()
            try:
                writer.ensure_people(self._municipality.tenant_id, [member], withdraw_from=TENANT_ROLE_GROUPS)
                writer.ensure_operator(operator)
                writer.log_out(member.person_id, Realm.TENANTS)
            except BaseException as failure:
                refused.append(f"{type(failure).__name__}: {failure}")

        threads = [threading.Thread(target=write, args=one) for one in intents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return refused

    def _drawn_member(self) -> PersonIntent:
        roles = frozenset(self._random.sample(TENANT_ROLE_GROUPS, 2))
        return replace(self._member, roles=roles, given_name=self._random.choice(["花子", "太郎", "次郎"]))

    def _drawn_operator(self) -> OperatorIntent:
        return replace(self._operator, roles=frozenset(self._random.sample(OPERATOR_ROLES, 2)))
