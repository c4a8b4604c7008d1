"""The comparison itself: no server, every kind of difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.kernel.ids import new_id
from tenancy.keycloak.comparison import DifferenceKind, KeycloakObject, ObjectKind, TenantDifference, differing_fields
from tenancy.keycloak.drift import (
    TenantIntent,
    orphaned_organizations,
    orphaned_service_clients,
    privilege_drift,
    tenant_drift,
)
from tenancy.keycloak.port import (
    TENANT_ROLE_GROUPS,
    KeycloakTenantFacts,
    OrganizationFacts,
    PersonFacts,
    PersonIntent,
    Privilege,
    Realm,
    RoleGroupFacts,
    ServiceClientFacts,
    ServiceClientIntent,
)
from tests.tenancy.keycloak.installation import Municipality

MUNICIPALITY = Municipality(code="431001")
OWNER = MUNICIPALITY.person("tenant-owner")
CLIENT = MUNICIPALITY.service_client()
INTENT = TenantIntent(MUNICIPALITY.organization, (OWNER,), (CLIENT,))


def _person(intent: PersonIntent) -> PersonFacts:
    return PersonFacts(
        id="p",
        username=intent.username,
        email=intent.email,
        family_name=intent.family_name,
        given_name=intent.given_name,
        enabled=intent.enabled,
        tenant_id=str(intent.tenant_id),
        managed_by="moyai",
        groups=intent.roles,
        needs_second_factor=intent.needs_second_factor,
    )


def _client(intent: ServiceClientIntent) -> ServiceClientFacts:
    return ServiceClientFacts(
        id="c",
        client_id=intent.client_id,
        name=intent.name,
        enabled=True,
        jwks=intent.jwks,
        scopes=intent.scopes,
        tenant_id=str(intent.tenant_id),
        tenant_claim=str(intent.tenant_id),
        managed_by="moyai",
        key_login_only=True,
        full_scope=False,
    )


ORGANIZATION = OrganizationFacts(
    id="o",
    alias=MUNICIPALITY.organization.alias,
    title=MUNICIPALITY.organization.title,
    enabled=True,
    tenant_id=str(MUNICIPALITY.tenant_id),
    code="431001",
    managed_by="moyai",
)
GROUPS = tuple(RoleGroupFacts(name, name, frozenset({name})) for name in TENANT_ROLE_GROUPS)
AS_MEANT = KeycloakTenantFacts(ORGANIZATION, GROUPS, (_person(OWNER),), (_client(CLIENT),))


def test_a_tenant_as_meant_has_no_difference() -> None:
    assert tenant_drift(INTENT, AS_MEANT) == ()


def test_a_tenant_that_is_not_there_misses_everything() -> None:
    reported = tenant_drift(INTENT, KeycloakTenantFacts(None))

    assert {d.kind for d in reported} == {DifferenceKind.MISSING}
    assert [d.object for d in reported] == [
        f"organization {ORGANIZATION.alias}",
        *(f"role group {name}" for name in TENANT_ROLE_GROUPS),
        f"person {OWNER.username}",
        f"service client {CLIENT.client_id}",
    ]


@pytest.mark.parametrize(
    ("found", "kind", "resource", "field"),
    [
        (replace(AS_MEANT, organization=replace(ORGANIZATION, enabled=False)), "changed", "organization", "enabled"),
        (replace(AS_MEANT, organization=replace(ORGANIZATION, title="他町")), "changed", "organization", "name"),
        (replace(AS_MEANT, organization=replace(ORGANIZATION, code="1")), "changed", "organization", "code"),
        (replace(AS_MEANT, organization=replace(ORGANIZATION, managed_by=None)), "foreign", "organization", None),
        (
            replace(AS_MEANT, role_groups=(*GROUPS[1:], replace(GROUPS[0], roles=frozenset()))),
            "changed",
            "role group tenant-owner",
            "roles",
        ),
        (
            replace(AS_MEANT, role_groups=(*GROUPS[1:], replace(GROUPS[0], other_roles=frozenset({"realm:x"})))),
            "foreign",
            "role group tenant-owner, role realm:x",
            None,
        ),
        (
            replace(AS_MEANT, role_groups=(*GROUPS, RoleGroupFacts("x", "tea club", frozenset()))),
            "foreign",
            "group tea club",
            None,
        ),
        (replace(AS_MEANT, people=(replace(_person(OWNER), family_name="別"),)), "changed", "person", "family_name"),
        (
            replace(AS_MEANT, people=(replace(_person(OWNER), needs_second_factor=False),)),
            "changed",
            "person",
            "second_factor",
        ),
        (replace(AS_MEANT, people=(replace(_person(OWNER), managed_by=None),)), "foreign", "person", None),
        (replace(AS_MEANT, people=(replace(_person(OWNER), tenant_id="another"),)), "foreign", "person", None),
        (replace(AS_MEANT, people=(replace(_person(OWNER), groups=frozenset()),)), "missing", "person", None),
        (
            replace(AS_MEANT, service_clients=(replace(_client(CLIENT), full_scope=True),)),
            "changed",
            "service client",
            "full_scope",
        ),
        (
            replace(AS_MEANT, service_clients=(replace(_client(CLIENT), managed_by=None),)),
            "foreign",
            "service client",
            None,
        ),
        (
            replace(AS_MEANT, people=(_person(OWNER), _person(MUNICIPALITY.person()))),
            "orphan",
            "person",
            None,
        ),
        (
            replace(AS_MEANT, service_clients=(_client(CLIENT), _client(MUNICIPALITY.service_client()))),
            "orphan",
            "service client",
            None,
        ),
    ],
)
def test_one_difference_is_reported_by_kind_resource_and_field(
    found: KeycloakTenantFacts, kind: str, resource: str, field: str | None
) -> None:
    (reported,) = tenant_drift(INTENT, found)

    assert (str(reported.kind), reported.field, reported.tenant) == (kind, field, "431001")
    assert reported.object.startswith(resource)


def test_groups_that_were_not_read_are_not_compared() -> None:
    unread = replace(AS_MEANT, people=(replace(_person(OWNER), groups=None),))

    assert tenant_drift(INTENT, unread) == ()


def test_organizations_and_clients_of_no_tenant_are_orphans_when_ours_and_foreign_when_not() -> None:
    stranger = replace(ORGANIZATION, tenant_id=None, managed_by=None, code=None, alias="by-hand")

    organizations = orphaned_organizations([new_id()], [ORGANIZATION, stranger])
    clients = orphaned_service_clients([new_id()], [_client(CLIENT)])

    assert [(str(d.kind), d.tenant) for d in organizations] == [("orphan", "431001"), ("foreign", "by-hand")]
    assert [str(d.kind) for d in clients] == ["orphan"]
    assert orphaned_organizations([MUNICIPALITY.tenant_id], [ORGANIZATION]) == ()
    assert orphaned_service_clients([MUNICIPALITY.tenant_id], [_client(CLIENT)]) == ()


def test_a_management_role_in_a_persons_hand_is_foreign() -> None:
    (reported,) = privilege_drift([Privilege(Realm.OPERATORS, "somebody", "user", "realm-admin")])

    assert (reported.tenant, reported.kind) == ("moyai-operators", DifferenceKind.FOREIGN)
    assert reported.object == "user somebody, role realm-management:realm-admin"


def test_a_difference_is_printed_as_the_contract_has_it() -> None:
    reported = TenantDifference.of(
        KeycloakObject(ObjectKind.ORGANIZATION, "t-1", "熊本市"),
        DifferenceKind.CHANGED,
        tenant="431001",
        field="scopes",
        intended={"b", "a"},
        found=None,
    )

    assert reported.model_dump(mode="json") == {
        "tenant": "431001",
        "kind": "changed",
        "object": "organization t-1",
        "field": "scopes",
        "intended": ["a", "b"],
        "found": None,
    }


def test_declared_fields_alone_are_compared_lists_as_sets_and_secrets_never() -> None:
    declared = {"a": 1, "list": ["x", "y"], "smtpServer": {"host": "h", "password": "p"}, "empty": {}}
    found = {"a": 2, "list": ["y", "x"], "smtpServer": {"host": "h", "password": "***"}, "other": 1}

    assert list(differing_fields(declared, found)) == [("a", 1, 2)]
