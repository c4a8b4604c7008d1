"""A municipality's own directory: who gets in, what Entra ID sends, and what no directory may do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server
from sqlalchemy import update

from admin.operations.settings import Settings
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed
from governance.permissions import SCIM_PERMISSIONS, Permission, Role
from tenancy.keycloak.port import organization_alias
from tenancy.people import queries as people
from tenancy.people.models import MemberDetails
from tenancy.people.scim.tokens import (
    IssueScimToken,
    ScimTokenIssued,
    WithdrawScimToken,
    issue_scim_token,
    scim_tokens,
    withdraw_scim_token,
)
from tenancy.people.states import MemberState
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Tenant
from tests.actors import Actors
from tests.admin.scim.conftest import GROUP, Directory, entra_user
from tests.database_rows import recorded, rows
from tests.factories import Visitors


def _person(of: Directory, member_id: str) -> MemberDetails:
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        return people.member(db.session(), of.tenant_id, UUID(member_id), clock.now())


def _everything() -> list[object]:
    return [rows(table) for table in ("member", "role_grant", "scim_user", "scim_group", "job")]


def _error(answer: Any) -> dict[str, Any]:
    assert answer.content_type == "application/scim+json"
    found: dict[str, Any] = json.loads(answer.data)
    assert found["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return found


@pytest.mark.slow
def test_every_check_of_scim2_tester_passes(web: Flask, settings: Settings, directory: Directory) -> None:
    client = WSGISCIMClient(
        web,
        base_url=f"{settings.public_url}/scim/v2/tenants/{organization_alias(directory.tenant_id)}",
        headers={"Authorization": f"Bearer {directory.token}"},
    )

    results = check_server(client)

    assert {result.resource_type for result in results} >= {"User", "Group"}
    assert len(results) > 40
    passed = (Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE)
    assert [result for result in results if result.status not in passed] == []


def test_a_token_counts_at_the_address_of_its_own_tenant_only(directory: Directory, other: Directory) -> None:
    before = _everything()

    for place in (other.tenant_id, organization_alias(other.tenant_id), uuid4(), "t-00000000"):
        for method, path, body in (
            ("GET", "/Users", None),
            ("GET", "/ServiceProviderConfig", None),
            ("POST", "/Users", entra_user("x")),
            ("POST", "/.search", {}),
            ("DELETE", f"/Users/{uuid4()}", None),
        ):
            answer = directory.ask(method, path, body, of=place)
            assert answer.status_code == 401, (place, method, path)
            assert "error=invalid_token" in answer.headers["WWW-Authenticate"]
            assert "Resources" not in _error(answer)
    assert _everything() == before
    assert directory.ask("GET", "/Users", of=directory.tenant_id).status_code == 200


def test_what_is_no_token_of_a_directory_gets_in_nowhere(directory: Directory) -> None:
    app = directory.app.test_client()
    address = f"/scim/v2/tenants/{directory.tenant_id}/Users"

    for headers in ({}, {"Authorization": f"Basic {directory.token}"}, {"Authorization": "Bearer moyai_scim_x"}):
        assert app.get(address, base_url=directory.public_url, headers=headers).status_code == 401
    named = {"Authorization": f"Bearer {directory.token}"}
    assert app.get("/api/v1/tenants", base_url=directory.public_url, headers=named).status_code == 401
    assert app.get("/tenants", base_url=directory.public_url, headers=named).status_code == 303


def test_a_token_ends_on_its_day_and_when_it_is_withdrawn_and_two_count_at_once(directory: Directory) -> None:
    command = IssueScimToken(tenant_id=directory.tenant_id, valid_until=clock.today() + timedelta(days=30))
    second = issue_scim_token(command, actor=directory.owner, key="second")
    assert second.token is not None
    renewed = Directory(directory.app, directory.public_url, directory.tenant_id, directory.owner, second.token)

    assert directory.ask("GET", "/Users").status_code == renewed.ask("GET", "/Users").status_code == 200
    assert issue_scim_token(command, actor=directory.owner, key="second") == ScimTokenIssued(token_id=second.token_id)
    with pytest.raises(Conflict, match=r"2 個|2 SCIM"):
        issue_scim_token(command, actor=directory.owner)
    with clock.at(clock.now() + timedelta(days=30)):
        assert renewed.ask("GET", "/Users").status_code == 401
        assert directory.ask("GET", "/Users").status_code == 200
    withdraw_scim_token(
        WithdrawScimToken(tenant_id=directory.tenant_id, token_id=second.token_id, reason="取替え"),
        actor=directory.owner,
    )

    assert renewed.ask("GET", "/Users").status_code == 401
    assert directory.ask("GET", "/Users").status_code == 200
    assert second.token not in str(rows("scim_token")) + str(rows("audit_event")) + str(rows("idempotency_key"))
    with tenant_scope(directory.tenant_id):
        newest, oldest = scim_tokens(db.session(), directory.tenant_id, clock.today())
    assert (newest.state, oldest.state) == ("withdrawn", "active")
    assert oldest.last_used_at is not None


def test_who_may_issue_and_withdraw_a_token(directory: Directory, visitors: Visitors, actors: Actors) -> None:
    command = IssueScimToken(tenant_id=directory.tenant_id, valid_until=clock.today() + timedelta(days=30))
    with tenant_scope(directory.tenant_id):
        (token,) = scim_tokens(db.session(), directory.tenant_id, clock.today())
    before = rows("scim_token")

    for role in (Role.TENANT_USER_ADMIN, Role.TENANT_CLIENT_ADMIN, Role.TENANT_FINANCE, Role.TENANT_AUDITOR):
        with pytest.raises(NotAllowed):
            issue_scim_token(command, actor=visitors.person(directory.tenant_id, role))
    for actor in (actors.security, actors.onboarding):
        with pytest.raises(NotAllowed):
            issue_scim_token(command, actor=actor)
    with pytest.raises(NotAllowed):
        withdraw_scim_token(
            WithdrawScimToken(tenant_id=directory.tenant_id, token_id=token.id, reason="x"),
            actor=visitors.person(directory.tenant_id, Role.TENANT_FINANCE),
        )
    for days in (0, 401):
        with pytest.raises(Invalid):
            issue_scim_token(
                IssueScimToken(tenant_id=directory.tenant_id, valid_until=clock.today() + timedelta(days=days)),
                actor=directory.owner,
            )
    assert rows("scim_token") == before
    withdraw_scim_token(
        WithdrawScimToken(tenant_id=directory.tenant_id, token_id=token.id, reason="漏えい"), actor=actors.security
    )
    assert directory.ask("GET", "/Users").status_code == 401


def test_a_suspended_tenants_directory_is_refused(directory: Directory) -> None:
    with system_transaction(OPERATOR) as session:
        session.execute(
            update(Tenant).where(Tenant.id == directory.tenant_id).values(state=TenantState.SUSPENDED.value)
        )
    assert directory.ask("GET", "/Users").status_code == 401


def test_entra_id_adds_finds_changes_suspends_and_resumes_somebody(directory: Directory) -> None:
    found = directory.get('/Users?filter=userName eq "Hanako@city.example.jp"')
    assert (found["totalResults"], found.get("Resources", [])) == (0, [])
    made = directory.add("hanako")
    member_id = made["id"]

    assert made["userName"] == "hanako@city.example.jp"
    assert made["externalId"] == "ext-hanako"
    assert "phoneNumbers" not in made
    assert made["meta"]["location"].endswith(f"/Users/{member_id}")
    added = _person(directory, member_id)
    assert (added.family_name, added.given_name, added.state) == ("山鹿", "花子", MemberState.INVITED)
    assert added.roles == (Role.TENANT_MEMBER,)
    found = directory.get('/Users?filter=userName eq "HANAKO@city.example.jp"')
    assert [one["id"] for one in found["Resources"]] == [member_id]
    assert directory.get('/Users?filter=externalId eq "ext-hanako"')["totalResults"] == 1
    assert directory.get('/Users?filter=emails[type eq "work"].value eq "hanako@city.example.jp"')["totalResults"] == 1

    changed = directory.patch(
        f"/Users/{member_id}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "yamaga@city.example.jp"},
        {"op": "Replace", "path": "name.familyName", "value": "髙山"},
        {"op": "Add", "path": "displayName", "value": "髙山 花子"},
        {"op": "Add", "path": f"{ENTERPRISE_DEPARTMENT}", "value": "税務課"},
    )
    assert changed.status_code == 204, changed.text
    now = _person(directory, member_id)
    assert (now.family_name, now.email) == ("髙山", "yamaga@city.example.jp")

    suspended = directory.patch(f"/Users/{member_id}", {"op": "Replace", "path": "active", "value": "False"})
    assert suspended.status_code == 204, suspended.text
    assert _person(directory, member_id).state is MemberState.SUSPENDED
    assert directory.get(f"/Users/{member_id}")["active"] is False
    resumed = directory.patch(f"/Users/{member_id}", {"op": "replace", "value": {"active": True}})
    assert resumed.status_code == 204, resumed.text
    assert _person(directory, member_id).state is MemberState.INVITED

    assert directory.ask("DELETE", f"/Users/{member_id}").status_code == 204
    assert _error(directory.ask("GET", f"/Users/{member_id}"))["status"] == "404"
    assert _person(directory, member_id).state is MemberState.REMOVED
    # The name and the address are free for a successor.
    assert directory.add("hanako")["id"] != member_id
    for event in ("added", "linked", "edited", "disabled", "resumed", "removed"):
        found = recorded(f"member.{event}")
        assert found, event
        assert all(one.actor.startswith("scim:") for one in found), event


ENTERPRISE_DEPARTMENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"


def test_a_request_counts_as_a_whole_or_not_at_all(directory: Directory, visitors: Visitors) -> None:
    owner = people_id(directory, directory.owner.id)
    before = _everything()

    answer = directory.patch(
        f"/Users/{owner}",
        {"op": "replace", "path": "name.familyName", "value": "別名"},
        {"op": "replace", "path": "active", "value": False},
    )

    assert answer.status_code == 409, answer.text
    assert "団体管理者" in _error(answer)["detail"] or "owner" in _error(answer)["detail"]
    assert directory.ask("DELETE", f"/Users/{owner}").status_code == 409
    assert _everything() == before
    # Of two owners one may go: whoever has left must not keep access.
    visitors.person(directory.tenant_id, Role.TENANT_OWNER)
    assert directory.patch(f"/Users/{owner}", {"op": "replace", "value": {"active": "False"}}).status_code == 204
    assert _person(directory, owner).state is MemberState.SUSPENDED


def people_id(of: Directory, person_id: str) -> str:
    """The id of a person's row, by their username in Keycloak."""
    return str(_person(of, person_id).id)


def test_no_directory_makes_an_administrator(directory: Directory) -> None:
    member_id = directory.add("taro")["id"]
    groups = {one["id"]: one for one in directory.get("/Groups")["Resources"]}
    before = _everything()

    assert {"tenant-owner", "tenant-user-admin", "tenant-client-admin", "tenant-finance", "tenant-auditor"} == set(
        groups
    )
    assert [one["value"] for one in groups["tenant-owner"]["members"]] == [people_id(directory, directory.owner.id)]
    for role in ("tenant-owner", "tenant-user-admin", "tenant-client-admin"):
        group = groups[role]
        member = {"value": member_id}
        everybody = [*group.get("members", []), member]
        for answer in (
            directory.patch(f"/Groups/{role}", {"op": "Add", "path": "members", "value": [member]}),
            directory.patch(f"/Groups/{role}", {"op": "replace", "value": {"members": everybody}}),
            directory.ask("PUT", f"/Groups/{role}", {**group, "members": everybody}),
            directory.ask("DELETE", f"/Groups/{role}"),
        ):
            assert answer.status_code == 403, (role, answer.text)
    removed = directory.patch("/Groups/tenant-owner", {"op": "remove", "path": "members"})
    assert removed.status_code == 403
    taken = directory.ask("POST", "/Groups", {"schemas": [GROUP], "displayName": Role.TENANT_OWNER.ja})
    assert (taken.status_code, _error(taken)["scimType"]) == (409, "uniqueness")
    roles = {"roles": [{"value": "tenant-owner"}], "entitlements": [{"value": "tenant-owner"}]}
    assert directory.patch(f"/Users/{member_id}", {"op": "replace", "value": roles}).status_code in (204, 400)
    assert _everything() == before
    made = directory.add("jiro", **roles)
    assert _person(directory, made["id"]).roles == (Role.TENANT_MEMBER,)


def test_an_administrators_address_is_not_the_directorys_to_change(directory: Directory) -> None:
    """Whoever gets the mail sets the password."""
    owner = people_id(directory, directory.owner.id)
    email = _person(directory, owner).email

    answer = directory.patch(
        f"/Users/{owner}", {"op": "replace", "path": 'emails[type eq "work"].value', "value": "evil@example.com"}
    )

    assert answer.status_code == 403, answer.text
    assert _person(directory, owner).email == email
    renamed = directory.patch(f"/Users/{owner}", {"op": "replace", "path": "name.familyName", "value": "改姓"})
    assert renamed.status_code == 204
    assert _person(directory, owner).family_name == "改姓"


def test_a_role_is_given_and_taken_by_its_group(directory: Directory) -> None:
    one, two = directory.add("one")["id"], directory.add("two")["id"]
    finance = "/Groups/tenant-finance"

    assert directory.get('/Groups?filter=displayName eq "会計担当（団体）"')["totalResults"] == 1
    added = directory.patch(finance, {"op": "Add", "path": "members", "value": [{"value": one}, {"value": two}]})
    assert added.status_code == 204, added.text
    assert Role.TENANT_FINANCE in _person(directory, one).roles
    assert [group["value"] for group in directory.get(f"/Users/{one}")["groups"]] == ["tenant-finance"]
    # As Entra ID removes: by value, and by a filter in the path.
    assert directory.patch(finance, {"op": "Remove", "path": "members", "value": [{"value": one}]}).status_code == 204
    assert directory.patch(finance, {"op": "Remove", "path": f'members[value eq "{two}"]'}).status_code == 204
    for member_id in (one, two):
        assert _person(directory, member_id).roles == (Role.TENANT_MEMBER,)
    unknown = directory.patch(finance, {"op": "Add", "path": "members", "value": [{"value": str(uuid4())}]})
    assert unknown.status_code == 404
    assert "members" not in directory.get("/Groups/tenant-finance?excludedAttributes=members")


def test_a_group_of_the_directorys_own_gives_no_right(directory: Directory, other: Directory) -> None:
    member_id, stranger = directory.add("one")["id"], other.add("one")["id"]

    made = directory.ask(
        "POST", "/Groups", {"schemas": [GROUP], "displayName": "総務課", "members": [{"value": member_id}]}
    )
    assert made.status_code == 201, made.text
    group = json.loads(made.data)["id"]
    assert _person(directory, member_id).roles == (Role.TENANT_MEMBER,)
    assert (
        directory.patch(
            f"/Groups/{group}", {"op": "Add", "path": "members", "value": [{"value": stranger}]}
        ).status_code
        == 404
    )
    assert other.ask("GET", f"/Groups/{group}").status_code == 404
    assert other.get('/Groups?filter=displayName eq "総務課"')["totalResults"] == 0
    assert other.ask("GET", f"/Users/{member_id}").status_code == 404
    assert other.ask("DELETE", f"/Users/{member_id}").status_code == 404
    assert directory.ask("DELETE", f"/Users/{member_id}").status_code == 204
    assert "members" not in directory.get(f"/Groups/{group}")


def test_a_change_of_what_was_changed_meanwhile_is_refused(directory: Directory) -> None:
    made = directory.add("hanako")
    address, version = f"/Users/{made['id']}", made["meta"]["version"]

    assert directory.ask("GET", address, If_None_Match=version).status_code == 304
    renamed = {"op": "replace", "path": "name.givenName", "value": "はな"}
    assert directory.patch(address, renamed, If_Match=version).status_code == 204
    stale = directory.patch(address, {"op": "replace", "path": "active", "value": False}, If_Match=version)
    assert stale.status_code == 412
    assert directory.ask("DELETE", address, If_Match=version).status_code == 412
    assert _person(directory, made["id"]).state is MemberState.INVITED
    assert directory.get(address)["meta"]["version"] != version


def test_what_is_sent_wrongly_is_refused_in_words(directory: Directory) -> None:
    directory.add("hanako")
    before = _everything()

    for body, status, kind in (
        (entra_user("hanako"), 409, "uniqueness"),
        (entra_user("other", emails=[{"type": "work", "value": "hanako@city.example.jp"}]), 409, "uniqueness"),
        (entra_user("x") | {"name": {"familyName": "山鹿"}}, 400, "invalidValue"),
        (entra_user("x", emails=[{"type": "work", "value": "no address"}]), 400, "invalidValue"),
        (entra_user("x", userName=""), 400, "invalidValue"),
    ):
        answer = directory.ask("POST", "/Users", body)
        assert (answer.status_code, _error(answer).get("scimType")) == (status, kind), answer.text
    assert directory.ask("POST", "/Bulk", {"schemas": [], "Operations": []}).status_code == 501
    assert directory.ask("GET", "/Users?filter=userName xx 1").status_code == 400
    assert directory.ask("GET", "/Me").status_code == 501
    assert directory.ask("PUT", "/Users", entra_user("x")).status_code == 405
    assert _error(directory.ask("GET", "/Nothing"))["status"] == "404"
    assert _everything() == before


def test_who_is_there_already_is_found_by_the_address_and_linked(directory: Directory, visitors: Visitors) -> None:
    person = visitors.person(directory.tenant_id)
    email = _person(directory, person.id).email

    (found,) = directory.get(f'/Users?filter=userName eq "{email}"')["Resources"]
    answer = directory.patch(f"/Users/{found['id']}", {"op": "Add", "path": "externalId", "value": "ext-1"})

    assert answer.status_code == 204, answer.text
    assert directory.get('/Users?filter=externalId eq "ext-1"')["Resources"][0]["id"] == found["id"]
    assert _person(directory, person.id).state is MemberState.ACTIVE


def test_an_inactive_person_is_added_suspended_and_without_an_address_the_name_is_it(directory: Directory) -> None:
    body = entra_user("sleeping", active=False)
    del body["emails"]

    answer = directory.ask("POST", "/Users", body)

    assert answer.status_code == 201, answer.text
    made = json.loads(answer.data)
    assert made["emails"] == [{"value": "sleeping@city.example.jp", "type": "work"}]
    assert _person(directory, made["id"]).state is MemberState.SUSPENDED


def test_a_directory_holds_no_permission_to_read_more_than_people() -> None:
    reads = {one for one in SCIM_PERMISSIONS if one.value.endswith(":read")}
    assert reads == {Permission.MEMBER_READ}
    assert not any(one.value.startswith(("billing:", "governance:")) for one in SCIM_PERMISSIONS)
