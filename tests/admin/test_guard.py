"""The guard: nobody passes a view that names no permission, and everybody else passes only what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from admin.app import create_app
from admin.core.guard import list_routes
from admin.identity.lifetimes import ABSOLUTE, IDLE
from admin.identity.sessions import COOKIE, delete_expired_sessions
from admin.identity.tables import WebSession
from admin.operations.settings import Settings
from governance import grants
from governance.actors import Actor
from governance.audit.tables import AuditEvent
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Permission, Role
from tenancy.clients.states import ClientState
from tenancy.clients.tables import ServiceClient
from tenancy.keycloak.port import Realm
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Tenant
from tests.admin.conftest import close_connections
from tests.admin.issuer import Issuer
from tests.admin.live_app import add_probe_views
from tests.admin.visitors import Visit
from tests.factories import Visitors

SignIn = Callable[[Actor], Visit]


@pytest.fixture(scope="module")
def probe_app(make_kept_app: Callable[[], Flask]) -> Flask:
    """An application with views to try the guard on; `/forgotten` names no permission."""
    app = make_kept_app()
    add_probe_views(app)
    app.add_url_rule("/forgotten", "forgotten", lambda: "open!")
    return app


@pytest.fixture
def web(probe_app: Flask, database: Flask) -> Iterator[Flask]:
    """That application, on an emptied database."""
    yield probe_app
    close_connections(probe_app)


@pytest.fixture
def municipality(operator_tenant: UUID, visitors: Visitors) -> UUID:
    return visitors.municipality("432083", "山鹿市")


def test_a_view_that_names_no_permission_is_closed_to_everybody(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))

    answer = owner.get("/forgotten")

    assert answer.status_code == 403
    assert "open!" not in answer.text


def test_every_address_names_its_permission(settings: Settings) -> None:
    closed = [route.rule for route in list_routes(create_app(settings)) if route.permission is None]

    assert closed == []


def test_a_stranger_is_led_to_the_sign_in_and_back(stranger: Visit) -> None:
    answer = stranger.get("/who?year=2025")

    assert answer.status_code == 303
    assert answer.location == "/login?next=/who?year%3D2025"


def test_a_stranger_who_posts_is_led_to_the_sign_in_and_nothing_happens(web: Flask, stranger: Visit) -> None:
    answer = stranger.post("/logout")

    assert (answer.status_code, answer.location) == (303, "/login")


def test_a_fragment_asked_for_by_a_stranger_sends_the_whole_page_to_the_sign_in(stranger: Visit) -> None:
    answer = stranger.get("/who", headers={"HX-Request": "true"})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/who"


def test_the_api_answers_a_stranger_with_401_and_never_with_a_page(stranger: Visit) -> None:
    answer = stranger.get("/api/v1/who")

    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer realm=moyai"


def test_the_api_knows_no_session_cookie(municipality: UUID, visitors: Visitors, signed_in: SignIn) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))

    assert owner.get("/who").status_code == 200
    assert owner.get("/api/v1/who").status_code == 401


def test_pages_know_no_bearer_token(municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    token = issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)

    assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert stranger.get("/who", headers={"Authorization": f"Bearer {token}"}).status_code == 303


def test_a_missing_permission_is_shown_with_what_to_do_next(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    member = signed_in(visitors.person(municipality))

    answer = member.get("/people")

    assert answer.status_code == 403
    assert "「利用者の追加」を行う権限がありません" in answer.text
    assert "tenancy:member:add" not in answer.text
    assert "この権限があるのは、団体管理者" in answer.text
    assert "その担当者に依頼してください" in answer.text


def test_a_role_in_the_token_without_a_grant_is_worth_nothing(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    member = visitors.person(municipality)
    token = issuer.token_of_person(
        municipality, UUID(member.id), Role.TENANT_OWNER, Role.OPERATOR_SECURITY, Role.SYSTEM
    )

    answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"})

    assert answer.json is not None
    assert answer.json["roles"] == ["tenant-member"]


def test_a_grant_without_the_role_in_the_token_is_worth_nothing(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    token = issuer.token_of_person(municipality, UUID(owner.id))

    answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"})

    assert answer.json is not None
    assert answer.json["roles"] == ["tenant-member"]


def test_roles_at_the_top_of_a_municipal_token_are_not_read(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    other = visitors.municipality("432091", "菊池市")
    for tenant_id in (municipality, other):
        claims = issuer.claims(
            sub=owner.id,
            sid=owner.id,
            resource_access={"moyai-api": {"roles": ["tenant-owner", "operator-security"]}},
            organization={f"t-{tenant_id.hex[-8:]}": {"tenant_id": [str(tenant_id)]}},
        )
        answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {issuer.sign(claims)}"})

        if tenant_id == municipality:
            assert answer.json is not None
            assert answer.json["roles"] == ["tenant-member"]
        else:
            assert answer.status_code == 401


def test_a_token_for_several_tenants_is_for_none(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    both = {f"t-{tenant.hex[-8:]}": {"tenant_id": [str(tenant)]} for tenant in (municipality, new_id())}
    token = issuer.sign(issuer.claims(sub=owner.id, sid=owner.id, organization=both))

    assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_municipal_person_does_not_become_an_operator_by_the_other_realm(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    clerk = visitors.person(operator_tenant, Role.OPERATOR_FINANCE)
    wrong = [
        issuer.token_of_person(municipality, UUID(owner.id), Role.OPERATOR_FINANCE, realm=Realm.OPERATORS),
        issuer.token_of_person(operator_tenant, UUID(clerk.id), Role.OPERATOR_FINANCE, realm=Realm.TENANTS),
    ]

    for token in wrong:
        assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_each_request_sees_the_rows_of_its_own_actor_only(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    owner = visitors.person(municipality, Role.TENANT_OWNER)
    clerk = visitors.person(operator_tenant, Role.OPERATOR_FINANCE)
    tokens = [
        (1, issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)),
        (2, issuer.token_of_person(operator_tenant, UUID(clerk.id), Role.OPERATOR_FINANCE, realm=Realm.OPERATORS)),
        (1, issuer.token_of_person(municipality, UUID(owner.id), Role.TENANT_OWNER)),
    ]

    for expected, token in tokens:
        answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"})
        assert answer.json is not None
        assert answer.json["tenants_seen"] == expected
    # Between requests the thread is in nobody's scope, and so sees nobody's rows.
    assert db.session.scalars(select(Tenant.id)).all() == []


def test_disabling_a_person_ends_the_session_at_the_next_click(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    actor = visitors.person(municipality, Role.TENANT_OWNER)
    owner = signed_in(actor)
    assert owner.get("/who").status_code == 200

    with system_transaction(OPERATOR) as session:
        session.query(Member).filter_by(person_id=UUID(actor.id)).one().state = MemberState.SUSPENDED.value

    assert owner.get("/who").status_code == 303


def test_ending_a_grant_takes_the_right_at_the_next_click(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    actor = visitors.person(municipality, Role.TENANT_OWNER)
    owner = signed_in(actor)
    assert owner.get("/people").status_code == 200

    with system_transaction(OPERATOR) as session:
        grants.revoke(session, municipality, UUID(actor.id), clock.now(), Role.TENANT_OWNER)

    assert owner.get("/people").status_code == 403
    assert owner.get("/who").status_code == 200


@pytest.mark.parametrize("state", [TenantState.SUSPENDED, TenantState.LEFT])
def test_a_tenant_that_lets_nobody_in_ends_its_peoples_sessions_at_the_next_click(
    state: TenantState, municipality: UUID, visitors: Visitors, signed_in: SignIn, issuer: Issuer, stranger: Visit
) -> None:
    actor = visitors.person(municipality, Role.TENANT_OWNER)
    owner = signed_in(actor)
    token = issuer.token_of_person(municipality, UUID(actor.id), Role.TENANT_OWNER)
    assert owner.get("/who").status_code == 200

    with system_transaction(OPERATOR) as session:
        session.get_one(Tenant, municipality).state = state.value

    assert owner.get("/who").status_code == 303
    assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_session_ends_after_half_an_hour_without_a_click(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))
    start = clock.now()

    for minutes in (29, 58):
        with clock.at(start + timedelta(minutes=minutes)):
            assert owner.get("/who").status_code == 200
    with clock.at(start + timedelta(minutes=58) + IDLE):
        assert owner.get("/who").status_code == 303


def test_a_session_ends_after_ten_hours_in_any_case(municipality: UUID, visitors: Visitors, signed_in: SignIn) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))
    start = clock.now()

    for clicks in range(1, 30):
        with clock.at(start + clicks * timedelta(minutes=20)):
            assert owner.get("/who").status_code == 200
    with clock.at(start + ABSOLUTE):
        assert owner.get("/who").status_code == 303


def test_sessions_that_ran_out_are_swept_and_no_others(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    signed_in(visitors.person(municipality))
    with clock.at(clock.now() + timedelta(minutes=20)):
        kept = signed_in(visitors.person(municipality))
        kept.get("/who")

    with clock.at(clock.now() + timedelta(minutes=31)):
        assert delete_expired_sessions(clock.now()) == 1
        assert kept.get("/who").status_code == 200


def test_a_cookie_that_names_another_tenant_or_another_secret_is_nobodys(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))
    own = owner.get_cookie(COOKIE, domain="moyai.example.jp")
    assert own is not None
    secret = own.value.partition(".")[2]
    other = visitors.municipality("432091", "菊池市")

    for forged in (
        f"{other}.{secret}",
        f"{municipality}.{secret}x",
        f"{municipality}.",
        secret,
        "",
        f"{uuid4()}.",
        "x" * 3_000,
        "é.ü",
    ):
        owner.set_cookie(COOKIE, forged, domain="moyai.example.jp", secure=True, path="/")
        assert owner.get("/who").status_code == 303, forged


def test_the_database_holds_no_secret_that_opens_a_session(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))
    own = owner.get_cookie(COOKIE, domain="moyai.example.jp")
    assert own is not None
    secret = own.value.partition(".")[2]

    with tenant_scope(OPERATOR):
        row = db.session.query(WebSession).one()
        kept = {column.name: str(getattr(row, column.name)) for column in WebSession.__table__.columns}

    assert not [name for name, value in kept.items() if secret in value]


def test_signing_out_ends_the_session_and_is_in_the_audit_log(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))

    answer = owner.submit("/logout")

    assert answer.status_code == 303
    assert owner.get("/who").status_code == 303
    with tenant_scope(OPERATOR):
        assert db.session.query(WebSession).count() == 0
        events = [row.event for row in db.session.query(AuditEvent).order_by(AuditEvent.id)]
    assert events[-2:] == ["session.opened", "session.closed"]


@pytest.mark.parametrize("fields", [{}, {"csrf_token": ""}, {"csrf_token": "A" * 88}, {"csrf_token": "é"}])
def test_a_form_without_the_sessions_token_changes_nothing(
    fields: dict[str, str], municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))

    answer = owner.post("/logout", data=fields)

    assert answer.status_code == 400
    assert "何も変更していません" in answer.text
    assert owner.get("/who").status_code == 200


def test_a_form_with_another_sessions_token_changes_nothing(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner, other = (signed_in(visitors.person(municipality, Role.TENANT_OWNER)) for _ in range(2))

    assert owner.post("/logout", data={"csrf_token": other.token}).status_code == 400
    assert owner.get("/who").status_code == 200


def test_a_form_posted_from_another_site_changes_nothing(
    municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, Role.TENANT_OWNER))
    fields = {"csrf_token": owner.token}

    for origin in ("https://evil.example", "null", "http://moyai.example.jp"):
        assert owner.post("/logout", data=fields, headers={"Origin": origin}).status_code == 400, origin
    assert owner.post("/logout", data=fields, headers={"Origin": "https://moyai.example.jp"}).status_code == 303


def test_a_service_client_may_do_what_scope_and_row_both_allow_in_its_own_tenant(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    client_id = _client(municipality, ["moyai:quota.read"])
    token = issuer.token_of_client(municipality, client_id, "moyai:quota.read")

    answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"})

    assert answer.json is not None
    assert answer.json == {
        "id": str(client_id),
        "tenant": str(municipality),
        "roles": [],
        "kind": "client",
        "tenants_seen": 1,
    }
    beyond_row = issuer.token_of_client(municipality, _client(municipality, []), "moyai:quota.read")
    assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {beyond_row}"}).status_code == 403


def test_a_service_client_that_is_stopped_over_or_another_tenants_is_nobody(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    scopes = ["moyai:quota.read"]
    other = visitors.municipality("432091", "菊池市")
    refused = [
        issuer.token_of_client(municipality, _client(municipality, scopes, state=ClientState.STOPPED), *scopes),
        issuer.token_of_client(municipality, _client(municipality, scopes, days=0), *scopes),
        issuer.token_of_client(municipality, new_id(), *scopes),
        issuer.token_of_client(other, _client(municipality, scopes), *scopes),
    ]

    for token in refused:
        assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_service_client_of_the_operators_reads_every_tenants_within_its_scopes(
    municipality: UUID, operator_tenant: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    client_id = _client(operator_tenant, ["moyai:ledger.read"])
    token = issuer.token_of_client(operator_tenant, client_id, "moyai:ledger.read", realm=Realm.OPERATORS)

    answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"})

    assert answer.json == {
        "id": str(client_id),
        "tenant": str(operator_tenant),
        "roles": [],
        "kind": "client",
        "tenants_seen": 2,
    }


def test_a_client_is_the_operators_by_the_operators_realm_only(
    municipality: UUID, operator_tenant: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    scope = "moyai:ledger.read"
    operators, members = _client(operator_tenant, [scope]), _client(municipality, [scope])
    roles = {"moyai-api": {"roles": ["operator-approver"]}}
    of_realm = {"realm": Realm.OPERATORS}
    refused = {
        "the backend may write clients in this realm": issuer.token_of_client(operator_tenant, operators, scope),
        "a municipality's has none there": issuer.token_of_client(municipality, members, scope, **of_realm),
        "unknown": issuer.token_of_client(operator_tenant, new_id(), scope, **of_realm),
        "for somebody else": issuer.token_of_client(operator_tenant, operators, scope, **of_realm, aud="account"),
        "stopped": issuer.token_of_client(
            operator_tenant, _client(operator_tenant, [scope], state=ClientState.STOPPED), scope, **of_realm
        ),
        "over": issuer.token_of_client(operator_tenant, _client(operator_tenant, [scope], days=0), scope, **of_realm),
    }

    for why, token in refused.items():
        answer = stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, why
    # A role clicked onto its account in Keycloak gains nothing, and neither does a scope that its row does not name.
    token = issuer.token_of_client(
        operator_tenant, operators, scope, "moyai:tenants.write", **of_realm, resource_access=roles
    )
    found = stranger.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert found.json is not None
    assert (found.json["roles"], sorted(found.json["permissions"])) == (
        [],
        sorted(["billing:ledger:read", "platform:public", "platform:signed-in"]),
    )


def test_the_clients_of_a_suspended_tenant_are_nobody(
    municipality: UUID, visitors: Visitors, issuer: Issuer, stranger: Visit
) -> None:
    token = issuer.token_of_client(municipality, _client(municipality, ["moyai:quota.read"]), "moyai:quota.read")
    assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    with system_transaction(OPERATOR) as session:
        session.get_one(Tenant, municipality).state = TenantState.SUSPENDED.value

    assert stranger.get("/api/v1/who", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_static_files_are_public_and_marked_views_keep_their_permission(web: Flask) -> None:
    known = {route.rule: route.permission for route in list_routes(web)}

    assert known["/logout"] is Permission.SIGNED_IN
    assert known["/healthz"] is Permission.PUBLIC
    assert known["/people"] is Permission.MEMBER_ADD


def _client(
    tenant_id: UUID, scopes: list[str], *, state: ClientState = ClientState.ACTIVE, days: int | None = None
) -> UUID:
    client_id = new_id()
    until = None if days is None else clock.today() + timedelta(days=days)
    with system_transaction(OPERATOR) as session:
        session.add(
            ServiceClient(
                id=client_id,
                tenant_id=tenant_id,
                name=f"system {client_id}",
                jwks="{}",
                scopes=scopes,
                state=state.value,
                valid_from=clock.today() - timedelta(days=1),
                valid_until=until,
                registered_by="test",
                registered_at=clock.now(),
            )
        )
    return client_id
