"""Organizations, role groups, people and service clients: made once, brought back, never taken from somebody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from governance.kernel.errors import Conflict, Invalid, NotFound
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_ROLES
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import counted_calls
from tenancy.keycloak.drift import TenantIntent, tenant_drift
from tenancy.keycloak.port import TENANT_ROLE_GROUPS, EnsureOutcome, OperatorIntent, Realm, organization_alias
from tests.tenancy.keycloak.installation import Installation, Municipality


def test_an_organization_is_made_once_with_its_marks(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    made = identities.ensure_organization(municipality.organization)
    again = identities.ensure_organization(municipality.organization)

    assert (made.outcome, again.outcome) == (EnsureOutcome.CREATED, EnsureOutcome.KEPT)
    assert again.found == made.found
    assert made.found.alias == organization_alias(municipality.tenant_id) == f"t-{municipality.tenant_id.hex[-8:]}"
    assert made.found.tenant_id == str(municipality.tenant_id)
    assert made.found.code == municipality.code
    assert made.found.managed_by == "moyai"
    count = installation.as_administrator().read("organizations/count", q=f"tenant_id:{municipality.tenant_id}")
    assert count == 1


def test_a_merger_changes_name_and_code_and_keeps_the_alias(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    before = identities.ensure_organization(municipality.organization).found
    by_hand = installation.as_administrator()
    row = by_hand.read(f"organizations/{before.id}")
    by_hand.replace(f"organizations/{before.id}", {**row, "attributes": {**row["attributes"], "somebodys": ["note"]}})

    merged = replace(municipality.organization, name="新美里町", code=f"9{municipality.code[1:]}")
    after = identities.ensure_organization(merged)

    assert (after.outcome, after.changes) == (EnsureOutcome.CHANGED, ("name", "code"))
    assert (after.found.id, after.found.alias) == (before.id, before.alias)
    assert after.found.title == f"新美里町 (9{municipality.code[1:]})"
    assert by_hand.read(f"organizations/{before.id}")["attributes"]["somebodys"] == ["note"]


def test_two_municipalities_may_have_the_same_name(identities: KeycloakIdentities, municipality: Municipality) -> None:
    namesake = Municipality(code=f"8{municipality.code[1:]}")

    identities.ensure_organization(municipality.organization)
    made = identities.ensure_organization(namesake.organization)

    assert made.outcome is EnsureOutcome.CREATED


def test_an_organization_of_somebody_else_is_never_adopted(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    intent = municipality.organization
    by_hand = installation.as_administrator()
    organization = by_hand.create("organizations", {"name": "somebody's", "alias": intent.alias})

    with pytest.raises(Conflict) as refused:
        identities.ensure_organization(intent)

    assert refused.value.code == "keycloak.organization_taken"
    assert by_hand.read(f"organizations/{organization}")["name"] == "somebody's"


def test_an_organization_without_our_mark_is_left_alone(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    attributes = {"tenant_id": [str(municipality.tenant_id)]}
    installation.as_administrator().create(
        "organizations", {"name": municipality.code, "alias": f"by-hand-{municipality.code}", "attributes": attributes}
    )

    with pytest.raises(Conflict) as refused:
        identities.ensure_organization(municipality.organization)

    assert refused.value.code == "keycloak.organization_not_ours"


def test_what_keycloak_could_not_hold_is_refused_before_any_call(
    identities: KeycloakIdentities, municipality: Municipality
) -> None:
    with counted_calls() as calls, pytest.raises(Invalid) as refused:
        identities.ensure_organization(replace(municipality.organization, name="町" * 256))

    assert refused.value.facts["limit"] == 255
    assert len(calls) == 0


def test_each_role_has_its_group_and_a_group_lost_or_emptied_comes_back(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    identities.ensure_organization(municipality.organization)
    made = identities.ensure_role_groups(municipality.tenant_id)
    again = identities.ensure_role_groups(municipality.tenant_id)

    assert (made.outcome, again.outcome) == (EnsureOutcome.CREATED, EnsureOutcome.KEPT)
    assert {group.name: set(group.roles) for group in again.found} == {name: {name} for name in TENANT_ROLE_GROUPS}
    assert "tenant-member" not in TENANT_ROLE_GROUPS

    by_hand, organization = installation.as_administrator(), identities.describe_tenant(municipality.tenant_id)
    assert organization.organization is not None
    path = f"organizations/{organization.organization.id}/groups"
    ids = {group.name: group.id for group in again.found}
    api = by_hand.read("clients", clientId="moyai-api")[0]["id"]
    finance = by_hand.read(f"clients/{api}/roles/tenant-finance")
    by_hand.delete(f"{path}/{ids['tenant-auditor']}")
    by_hand.delete(f"{path}/{ids['tenant-finance']}/role-mappings/clients/{api}", [finance])

    repaired = identities.ensure_role_groups(municipality.tenant_id)

    assert set(repaired.changes) == {"tenant-auditor", "tenant-finance"}
    assert {group.name: set(group.roles) for group in repaired.found} == {name: {name} for name in TENANT_ROLE_GROUPS}


def test_an_organization_made_anew_by_hand_is_found_by_a_process_that_knew_the_old_one(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    old = identities.ensure_organization(municipality.organization).found
    installation.as_administrator().delete(f"organizations/{old.id}")
    other_process = installation.identities()
    new = other_process.ensure_organization(municipality.organization).found
    other_process.close()

    groups = identities.ensure_role_groups(municipality.tenant_id)
    owner = identities.ensure_people(municipality.tenant_id, [municipality.person("tenant-owner")])[0]

    assert new.id != old.id
    assert groups.outcome is EnsureOutcome.CREATED
    assert owner.found.groups == frozenset({"tenant-owner"})


def test_people_are_made_once_joined_and_given_their_roles(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    owner, member = municipality.person("tenant-owner", "tenant-finance"), municipality.person()

    made = identities.ensure_people(municipality.tenant_id, [owner, member])
    again = identities.ensure_people(municipality.tenant_id, [owner, member])

    assert [one.outcome for one in made] == [EnsureOutcome.CREATED, EnsureOutcome.CREATED]
    assert [one.outcome for one in again] == [EnsureOutcome.KEPT, EnsureOutcome.KEPT]
    assert [one.found.groups for one in again] == [frozenset({"tenant-owner", "tenant-finance"}), frozenset()]
    assert again[0].found.username == str(owner.person_id)
    assert again[0].found.tenant_id == str(municipality.tenant_id)
    organization = identities.ensure_organization(municipality.organization).found.id
    rows = installation.as_administrator().read(f"organizations/{organization}/members")
    assert {(row["username"], row["membershipType"]) for row in rows} == {
        (owner.username, "UNMANAGED"),
        (member.username, "UNMANAGED"),
    }


def test_a_person_changed_by_hand_is_brought_back_and_a_role_withdrawn_where_asked(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    person = municipality.person("tenant-finance")
    found = identities.ensure_people(municipality.tenant_id, [person])[0].found
    by_hand = installation.as_administrator()
    by_hand.replace(f"users/{found.id}", {**by_hand.read(f"users/{found.id}"), "lastName": "別人", "enabled": False})

    back = identities.ensure_people(municipality.tenant_id, [person])[0]
    plain = replace(person, roles=frozenset())
    kept = identities.ensure_people(municipality.tenant_id, [plain])[0]
    withdrawn = identities.ensure_people(municipality.tenant_id, [plain], withdraw_from=["tenant-finance"])[0]

    assert (back.outcome, set(back.changes)) == (EnsureOutcome.CHANGED, {"family_name", "enabled"})
    assert (back.found.family_name, back.found.enabled) == ("美里", True)
    assert kept.outcome is EnsureOutcome.KEPT
    assert (withdrawn.outcome, withdrawn.found.groups) == (EnsureOutcome.CHANGED, frozenset())


def test_an_address_somebody_else_has_is_refused_with_its_field(
    identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    first = municipality.person(email=f"Shared@{municipality.code}.example.jp")
    identities.ensure_people(municipality.tenant_id, [first])

    with pytest.raises(Conflict) as refused:
        identities.ensure_people(municipality.tenant_id, [municipality.person(email=first.email.lower())])

    assert (refused.value.code, refused.value.field) == ("keycloak.email_taken", "email")


def test_a_user_of_our_name_without_our_mark_is_not_adopted(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    person = municipality.person("tenant-owner")
    user = installation.as_administrator().create("users", {"username": person.username, "enabled": True})

    with pytest.raises(Conflict) as refused:
        identities.ensure_people(municipality.tenant_id, [person])

    assert refused.value.code == "keycloak.person_not_ours"
    assert "email" not in installation.as_administrator().read(f"users/{user}")
    assert identities.describe_tenant(municipality.tenant_id).people == ()


def test_a_role_nobody_knows_is_refused(identities: KeycloakIdentities, municipality: Municipality) -> None:
    with pytest.raises(Invalid) as refused:
        identities.ensure_people(municipality.tenant_id, [municipality.person("tenant-emperor")])

    assert refused.value.facts["given"] == "tenant-emperor"


def test_a_person_taken_out_is_disabled_and_no_member(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    person = municipality.person("tenant-owner")
    user = identities.ensure_people(municipality.tenant_id, [person])[0].found.id

    identities.remove_person(municipality.tenant_id, person.person_id)
    identities.remove_person(municipality.tenant_id, person.person_id)

    assert identities.describe_tenant(municipality.tenant_id).people == ()
    assert installation.as_administrator().read(f"users/{user}")["enabled"] is False


def test_a_service_client_is_made_once_and_brought_back(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    intent = municipality.service_client("moyai:usage.read", "moyai:quota.read")
    made = identities.ensure_service_clients(municipality.tenant_id, [intent])[0]
    again = identities.ensure_service_clients(municipality.tenant_id, [intent])[0]
    assert (made.outcome, again.outcome) == (EnsureOutcome.CREATED, EnsureOutcome.KEPT)
    assert made.found.scopes == intent.scopes
    assert made.found.key_login_only
    assert not made.found.full_scope

    by_hand = installation.as_administrator()
    row = by_hand.read("clients", clientId=intent.client_id)[0]
    scopes = {scope["name"]: scope["id"] for scope in by_hand.read("client-scopes")}
    by_hand.delete(f"clients/{row['id']}/default-client-scopes/{scopes['moyai:quota.read']}")
    by_hand.replace(f"clients/{row['id']}/default-client-scopes/{scopes['moyai:audit.read']}")
    mapper = row["protocolMappers"][0]
    mapper["config"]["claim.value"] = "another tenant"
    by_hand.replace(f"clients/{row['id']}/protocol-mappers/models/{mapper['id']}", mapper)
    by_hand.replace(f"clients/{row['id']}", {"clientId": intent.client_id, "directAccessGrantsEnabled": True})

    back = identities.ensure_service_clients(municipality.tenant_id, [intent])[0]

    assert set(back.changes) == {"scopes", "tenant_claim", "key_login_only"}
    assert back.found == made.found


def test_a_service_client_gets_a_new_key_and_is_stopped(
    identities: KeycloakIdentities, municipality: Municipality
) -> None:
    intent = municipality.service_client()
    identities.ensure_service_clients(municipality.tenant_id, [intent])
    other_key = replace(intent, jwks=municipality.service_client().jwks, enabled=False)

    changed = identities.ensure_service_clients(municipality.tenant_id, [other_key])[0]

    assert set(changed.changes) == {"jwks", "enabled"}
    assert changed.found.enabled is False


def test_a_client_of_our_name_that_is_not_ours_is_left_alone(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    intent = municipality.service_client()
    by_hand = installation.as_administrator()
    client = by_hand.create("clients", {"clientId": intent.client_id, "name": "somebody's"})

    with pytest.raises(Conflict) as refused:
        identities.ensure_service_clients(municipality.tenant_id, [intent])

    assert refused.value.code == "keycloak.client_not_ours"
    assert by_hand.read(f"clients/{client}")["name"] == "somebody's"
    by_hand.delete(f"clients/{client}")


def test_an_operator_has_exactly_the_roles_meant(identities: KeycloakIdentities) -> None:
    person_id = new_id()
    intent = OperatorIntent(
        person_id, f"{person_id.hex[-8:]}@pref.example.jp", "県", "職員", frozenset({"operator-finance"})
    )

    made = identities.ensure_operator(intent)
    again = identities.ensure_operator(intent)
    moved = identities.ensure_operator(replace(intent, roles=frozenset({"operator-approver", "operator-auditor"})))

    assert (made.outcome, again.outcome, moved.outcome) == (
        EnsureOutcome.CREATED,
        EnsureOutcome.KEPT,
        EnsureOutcome.CHANGED,
    )
    assert made.found.roles == {"operator-finance"}
    assert moved.found.roles == {"operator-approver", "operator-auditor"} <= OPERATOR_ROLES


def test_a_mail_for_nobody_and_a_mail_no_server_takes_are_refused(
    identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    person = municipality.person("tenant-owner")
    identities.ensure_people(municipality.tenant_id, [person])

    with pytest.raises(NotFound):
        identities.send_password_mail(new_id())
    with pytest.raises(Conflict) as refused:
        identities.send_password_mail(person.person_id)

    assert refused.value.code == "keycloak.mail_not_sent"


def test_a_tenant_leaves_people_first(identities: KeycloakIdentities, municipality: Municipality) -> None:
    municipality.onboard(identities)
    person, client = municipality.person("tenant-owner"), municipality.service_client()
    identities.ensure_people(municipality.tenant_id, [person])
    identities.ensure_service_clients(municipality.tenant_id, [client])

    with pytest.raises(Conflict) as refused:
        identities.remove_organization(municipality.tenant_id)
    assert refused.value.facts["count"] == 1

    identities.remove_person(municipality.tenant_id, person.person_id)
    identities.remove_service_client(municipality.tenant_id, client.service_client_id)
    identities.remove_organization(municipality.tenant_id)
    identities.remove_organization(municipality.tenant_id)

    left = identities.describe_tenant(municipality.tenant_id)
    assert (left.organization, left.people, left.service_clients) == (None, (), ())


def test_drift_is_found_from_what_the_server_holds(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality
) -> None:
    municipality.onboard(identities)
    owner, member, gone = municipality.person("tenant-owner"), municipality.person(), municipality.person()
    client = municipality.service_client()
    identities.ensure_people(municipality.tenant_id, [owner, member, gone])
    identities.ensure_service_clients(municipality.tenant_id, [client])
    intent = TenantIntent(municipality.organization, (owner, member), (client,))
    assert [d.object for d in tenant_drift(intent, identities.describe_tenant(municipality.tenant_id))] == [
        f"person {gone.username}"
    ]

    by_hand = installation.as_administrator()
    facts = identities.describe_tenant(municipality.tenant_id)
    assert facts.organization is not None
    ids = {person.username: person.id for person in facts.people}
    finance = next(group.id for group in facts.role_groups if group.name == "tenant-finance")
    path = f"organizations/{facts.organization.id}"
    by_hand.replace(f"{path}/groups/{finance}/members/{ids[member.username]}")
    stranger = by_hand.create("users", {"username": f"stranger-{municipality.code}", "enabled": True})
    by_hand.create(f"{path}/members", stranger)
    by_hand.delete(f"{path}/members/{ids[owner.username]}")
    by_hand.replace(f"clients/{facts.service_clients[0].id}", {"clientId": client.client_id, "enabled": False})

    reported = tenant_drift(intent, identities.describe_tenant(municipality.tenant_id))

    assert {(str(d.kind), d.object, d.field) for d in reported} == {
        ("missing", f"person {owner.username}", None),
        ("foreign", f"person {member.username}, role tenant-finance", None),
        ("orphan", f"person {gone.username}", None),
        ("foreign", f"person stranger-{municipality.code}", None),
        ("changed", f"service client {client.client_id}", "enabled"),
    }
    assert {d.tenant for d in reported} == {municipality.code}


def test_every_organization_is_listed_beyond_one_page(identities: KeycloakIdentities) -> None:
    made = {
        identities.ensure_organization(Municipality(code=f"p{number:03}").organization).found.id
        for number in range(101)
    }

    with counted_calls() as calls:
        listed = {found.id for found in identities.describe_tenants([]).organizations}

    assert made <= listed
    assert len(calls) >= 2


def test_a_keycloak_that_is_away_is_not_ready(installation: Installation) -> None:
    away = installation.identities(through="http://127.0.0.1:9")

    assert away.describe_server().ready is False
    away.close()


def test_suspending_is_for_both_realms(installation: Installation, identities: KeycloakIdentities) -> None:
    person_id = new_id()
    intent = OperatorIntent(person_id, f"{person_id.hex[-8:]}@pref.example.jp", "県", "職員", frozenset())
    user = identities.ensure_operator(intent).found.id

    identities.suspend_person(person_id, Realm.OPERATORS)
    identities.suspend_person(person_id, Realm.OPERATORS)

    assert installation.as_administrator(Realm.OPERATORS).read(f"users/{user}")["enabled"] is False
