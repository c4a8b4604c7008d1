"""認証サービスとの差分: every difference in words, and the way to mend it for whoever may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import pytest
from flask import Flask

from admin.features.drift.pages import FIELD_LABELS
from admin.interface.keycloak_port import PORT
from admin.workflows.drift import check_drift
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.permissions import Role
from tenancy.drift_checks.commands import RequestDriftCheck, request_drift_check
from tenancy.keycloak.comparison import ChangeKind, DifferenceKind, OutsideChange, RealmDifference
from tenancy.keycloak.drift import TenantIntent, tenant_drift
from tenancy.keycloak.port import (
    MANAGED_BY,
    TENANT_ROLE_GROUPS,
    AdminChange,
    Identities,
    KeycloakTenantFacts,
    OrganizationFacts,
    PersonFacts,
    Privilege,
    Realm,
    RoleGroupFacts,
    ServiceClientFacts,
    ServiceClientIntent,
)
from tenancy.onboarding.intents import OnboardingIntent, read_intent
from tenancy.tenants.queries import list_tenants
from tenancy.tenants.states import TenantState
from tests.admin.console.conftest import ConsoleSample
from tests.admin.empty_keycloak import EmptyKeycloak
from tests.admin.visitors import Visit
from tests.factories import IN_FISCAL_YEAR_2025
from tests.tenancy.keycloak.installation import Municipality
from tests.words import foreign_words, readable

REPAIR = ">直す"


class FullKeycloak(EmptyKeycloak):
    """A Keycloak that holds of each tenant what Moyai wants, but for what a test changes in it."""

    def __init__(self, changed: Callable[[KeycloakTenantFacts], KeycloakTenantFacts] = lambda facts: facts) -> None:
        with system_transaction(OPERATOR) as session:
            intents = [
                read_intent(session, tenant.id, on=clock.today(), now=clock.now())
                for tenant in list_tenants(session)
                if not tenant.is_operator
            ]
        self._facts = {intent.tenant_id: changed(as_wanted(intent)) for intent in intents}
        self.privileges: tuple[Privilege, ...] = ()
        self.realm_differences: tuple[RealmDifference, ...] = ()
        self.outside_changes: tuple[AdminChange, ...] = ()

    def find_outside_changes(self, since: datetime) -> tuple[AdminChange, ...]:
        return self.outside_changes

    def describe_tenant(self, tenant_id: UUID, *, holders_of: Collection[str] = ()) -> KeycloakTenantFacts:
        return self._facts[tenant_id]

    def find_privileges(self) -> tuple[Privilege, ...]:
        return self.privileges

    def find_realm_differences(self, operators_clients: Sequence[ServiceClientIntent]) -> tuple[RealmDifference, ...]:
        return self.realm_differences


def as_wanted(intent: OnboardingIntent) -> KeycloakTenantFacts:
    """Keycloak's facts when all of the intent has been written."""
    wanted = intent.organization
    return KeycloakTenantFacts(
        OrganizationFacts(
            id="o",
            alias=wanted.alias,
            title=wanted.title,
            enabled=wanted.enabled,
            tenant_id=str(wanted.tenant_id),
            code=wanted.code,
            managed_by=MANAGED_BY,
        ),
        tuple(RoleGroupFacts(name, name, frozenset({name}), frozenset()) for name in TENANT_ROLE_GROUPS),
        tuple(
            PersonFacts(
                id="p",
                username=person.intent.username,
                email=person.intent.email.lower(),
                family_name=person.intent.family_name,
                given_name=person.intent.given_name,
                enabled=person.intent.enabled,
                tenant_id=str(person.intent.tenant_id),
                managed_by=MANAGED_BY,
                groups=person.intent.roles,
                needs_second_factor=person.intent.needs_second_factor,
            )
            for person in intent.people
        ),
        tuple(
            ServiceClientFacts(
                id="c",
                client_id=client.client_id,
                name=client.name,
                enabled=client.enabled,
                jwks=client.jwks,
                scopes=client.scopes,
                tenant_id=str(client.tenant_id),
                tenant_claim=str(client.tenant_id),
                managed_by=MANAGED_BY,
                key_login_only=True,
                full_scope=False,
            )
            for client in intent.service_clients
        ),
    )


def test_a_keycloak_that_agrees_is_said_to_agree(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(web.extensions, PORT, FullKeycloak())

    page = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?scope=all")

    assert page.status_code == 200
    assert "認証サービスの内容は、Moyaiの記録と一致しています。" in page.text
    assert REPAIR not in page.text
    assert "<table" not in page.text


def test_what_is_missing_is_listed_by_municipality_with_the_way_to_mend_it(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    page = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?scope=all")
    one = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?tenant=431001")

    assert "団体「熊本市」" in page.text
    assert "認証サービスにない" in page.text
    assert f"/tenants/{sample.tenant_id}/repair" in page.text
    assert REPAIR in page.text
    assert f"/tenants/{sample.other_id}/repair" in page.text
    assert f"/tenants/{sample.tenant_id}/repair" in one.text
    assert f"/tenants/{sample.other_id}" not in one.text


def test_whoever_may_not_start_an_onboarding_reads_and_gets_no_way_to_mend(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    page = visit_as(Role.OPERATOR_AUDITOR).get("/drift?scope=all")

    assert "認証サービスにない" in page.text
    assert REPAIR not in page.text
    assert "/repair" not in page.text.partition("<main")[2]


def test_a_suspended_municipality_can_be_repaired_too(sample: ConsoleSample, visit_as: Callable[[Role], Visit]) -> None:
    sample.factory.change_state(sample.tenant_id, TenantState.SUSPENDED)

    page = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?scope=all")

    assert "団体「熊本市」" in page.text
    assert f"/tenants/{sample.tenant_id}/repair" in page.text


def test_what_differs_in_a_realm_is_named_as_keycloak_names_it_with_what_to_do(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    keycloak = FullKeycloak()
    keycloak.realm_differences = (
        RealmDifference(
            realm="moyai",
            kind=DifferenceKind.CHANGED,
            object="client moyai-console",
            field="redirectUris",
            intended=["https://moyai.example.jp/login/callback"],
            found=["*"],
        ),
        RealmDifference(realm="moyai", kind=DifferenceKind.FOREIGN, object="client somebodys-own"),
    )
    monkeypatch.setitem(web.extensions, PORT, keycloak)

    page = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?scope=all")
    main = page.text.partition("<main")[2]

    assert "<code>client moyai-console</code>" in main
    assert "<code>redirectUris</code>" in main
    assert "Moyai: <code>[&#34;https://moyai.example.jp/login/callback&#34;]</code>" in main
    assert "認証サービス: <code>[&#34;*&#34;]</code>" in main
    assert "<code>moyai keycloak configure</code>" in main
    assert "<code>client somebodys-own</code>" in main
    assert "認証サービスの管理画面で確かめる" in main
    assert "/repair" not in main
    assert foreign_words(readable(f"<main{main}")) == set()


def test_what_moyai_did_not_make_is_left_to_a_person_at_keycloak(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_strangers(facts: KeycloakTenantFacts) -> KeycloakTenantFacts:
        if not facts.people:
            return facts
        stranger = replace(facts.people[0], username="stranger", managed_by=None, family_name="外部", given_name="花子")
        return replace(facts, people=(*facts.people, stranger))

    keycloak = FullKeycloak(with_strangers)
    keycloak.privileges = (Privilege(Realm.OPERATORS, str(sample.people[Role.OPERATOR_FINANCE].id), "user", "admin"),)
    monkeypatch.setitem(web.extensions, PORT, keycloak)

    page = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?scope=all")
    main = page.text.partition("<main")[2]

    assert "利用者「外部 花子」" in main
    assert "Moyaiが作っていない" in main
    assert "認証サービスの管理画面で確かめる" in main
    assert "Moyaiにない役割" in main
    assert "realm-management" not in main
    assert str(sample.people[Role.OPERATOR_FINANCE].id) not in main
    assert REPAIR not in main


def test_a_changed_field_shows_both_values_in_words_and_neither_key_nor_id(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(facts: KeycloakTenantFacts) -> KeycloakTenantFacts:
        if not facts.people:
            return facts
        person = replace(facts.people[0], enabled=not facts.people[0].enabled, email="other@example.jp", groups=None)
        return replace(facts, people=(person, *facts.people[1:]))

    monkeypatch.setitem(web.extensions, PORT, FullKeycloak(changed))

    main = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?tenant=431001").text.partition("<main")[2]

    assert "利用できる" in main
    assert "Moyaiの記録: はい" in main
    assert "認証サービス: いいえ" in main
    assert "メールアドレス" in main
    assert "認証サービス: other@example.jp" in main
    assert "enabled" not in main
    assert str(sample.member_id) not in main


def test_the_nights_result_is_kept_with_who_made_each_difference_and_waits_for_whoever_repairs(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    def disabled(facts: KeycloakTenantFacts) -> KeycloakTenantFacts:
        return replace(facts, people=tuple(replace(one, enabled=False) for one in facts.people))

    keycloak = FullKeycloak(disabled)
    security = sample.people[Role.OPERATOR_SECURITY]
    keycloak.outside_changes = (
        outside_change("users/p", {"enabled": False}, account=security.id, realm=Realm.TENANTS),
        outside_change("users/p", {"enabled": True}, account="0cfc", realm="master"),
    )
    monkeypatch.setitem(web.extensions, PORT, keycloak)
    with clock.at(IN_FISCAL_YEAR_2025 + timedelta(days=1)):
        asked = request_drift_check(RequestDriftCheck(), actor=security)
        check_drift(cast(Identities, keycloak), asked.check_id, actor=sample.factory.actors.worker)
    monkeypatch.setitem(web.extensions, PORT, None)

    kept = visit_as(Role.OPERATOR_SECURITY).get(f"/drift/checks/{asked.check_id}").text.partition("<main")[2]
    listed = visit_as(Role.OPERATOR_AUDITOR).get("/drift").text.partition("<main")[2]

    assert "認証サービス: いいえ" in kept
    assert "が変更（接続元 10.0.0.7）" in kept
    assert "0cfc" not in kept, "it wrote something else"
    assert f"/tenants/{sample.tenant_id}/repair" in kept
    assert f"/drift/checks/{asked.check_id}" in listed
    assert "差分なし" in listed, "the one before"
    assert "照合して結果を残す" not in listed, "an auditor asks for none"
    assert foreign_words(readable(f"<main{kept}")) == set()
    for role, sees_it in ((Role.OPERATOR_SECURITY, True), (Role.OPERATOR_FINANCE, False)):
        waits = visit_as(role).get("/approvals").text
        assert ("認証サービスとの差分が" in waits) is sees_it
        assert (f'"/drift/checks/{asked.check_id}"' in waits) is sees_it


def outside_change(path: str, written: dict[str, object], *, account: str, realm: str) -> AdminChange:
    """Somebody wrote a user in Keycloak's administration."""
    change = OutsideChange(
        at=IN_FISCAL_YEAR_2025, operation=ChangeKind.UPDATE, realm=realm, account=account, ip_address="10.0.0.7"
    )
    return AdminChange(Realm.TENANTS, "USER", path, written, None, change)


def test_every_field_that_is_compared_has_a_word() -> None:
    body = Municipality(code="431001")
    person, client = body.person("tenant-owner"), body.service_client()
    nothing = KeycloakTenantFacts(
        OrganizationFacts("o", "", "", not body.organization.enabled, str(body.tenant_id), None, MANAGED_BY),
        (RoleGroupFacts("g", TENANT_ROLE_GROUPS[0], frozenset(), frozenset()),),
        (
            PersonFacts(
                id="p",
                username=person.username,
                email=None,
                family_name=None,
                given_name=None,
                enabled=not person.enabled,
                tenant_id=str(body.tenant_id),
                managed_by=MANAGED_BY,
                needs_second_factor=not person.needs_second_factor,
            ),
        ),
        (
            ServiceClientFacts(
                id="c",
                client_id=client.client_id,
                name=None,
                enabled=not client.enabled,
                jwks=None,
                scopes=frozenset({"other"}),
                tenant_id=str(body.tenant_id),
                tenant_claim=None,
                managed_by=MANAGED_BY,
                key_login_only=False,
                full_scope=True,
            ),
        ),
    )

    secret = replace(client, secret_number=1)
    found = tenant_drift(TenantIntent(body.organization, (person,), (client,)), nothing)
    beside = replace(nothing, service_clients=(replace(nothing.service_clients[0], client_id=secret.client_id),))
    of_a_secret = tenant_drift(TenantIntent(body.organization, (person,), (secret,)), beside)

    assert {one.field for one in (*found, *of_a_secret) if one.field is not None} == set(FIELD_LABELS)


def test_a_code_that_no_municipality_has_is_refused(sample: ConsoleSample, visit_as: Callable[[Role], Visit]) -> None:
    page = visit_as(Role.OPERATOR_ONBOARDING).get("/drift?tenant=999999")

    assert page.status_code == 404
    assert "999999" in page.text


def test_nothing_is_compared_before_somebody_says_of_whom(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(web.extensions, PORT, None)

    page = visit_as(Role.OPERATOR_AUDITOR).get("/drift")

    assert page.status_code == 200
    assert 'name="tenant"' in page.text
    assert "/drift?scope=all" in page.text
