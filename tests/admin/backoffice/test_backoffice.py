"""The back office: closed but to the operator, read and never written, and its two buttons are commands."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlmodel import SQLModel

from admin.app import create_app
from admin.backoffice.tables import LABELS, TABLES
from admin.backoffice.views import TableView
from admin.core.guard import list_routes
from admin.operations.settings import Settings
from governance.actors import Actor
from governance.audit.tables import AuditEvent
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_ROLES, ROLE_PERMISSIONS, TENANT_ROLES, Permission, Role
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tests.admin.visitors import Visit
from tests.factories import ALL_BUT_APPROVER, Visitors

SignIn = Callable[[Actor], Visit]
PAGES = ("/backoffice/", *(f"/backoffice/{table.path}/" for table in TABLES))
SECRETS = ("secret_hash", "csrf_secret", "id_token_encrypted", "sealed")


@pytest.fixture
def web(kept_web: Flask) -> Flask:
    """The application with all its blueprints."""
    return kept_web


@pytest.fixture
def municipality(operator_tenant: UUID, visitors: Visitors) -> UUID:
    return visitors.municipality("432083", "山鹿市")


def _row_counts() -> dict[str, tuple[int, int]]:
    """How many rows each table has, and a sum over where each one stands and which transaction wrote it."""
    with tenant_scope(OPERATOR):
        return {
            table.name: tuple(
                db.session.execute(
                    text(f"SELECT count(*), coalesce(sum(hashtext(ctid::text || xmin::text)), 0) FROM {table.name}")
                ).one()
            )
            for table in SQLModel.metadata.sorted_tables
            # Looking at a page is noted in the session itself: when it was last seen.
            if table.name != "web_session"
        }


def test_a_stranger_is_led_to_the_sign_in_and_a_municipality_is_refused(
    stranger: Visit, municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    owner = signed_in(visitors.person(municipality, *TENANT_ROLES))
    for page in PAGES:
        assert stranger.get(page).status_code == 303, page
        assert owner.get(page).status_code == 403, page
        assert owner.get(f"{page}details/?id={new_id()}").status_code in (403, 404), page


@pytest.mark.parametrize("role", sorted(OPERATOR_ROLES))
def test_every_role_of_the_operator_reads_every_table(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, signed_in: SignIn, role: Role
) -> None:
    visit = signed_in(visitors.person(operator_tenant, role))
    before = _row_counts()

    for page in PAGES:
        answer = visit.get(page)
        assert answer.status_code == 200, page
        assert not any(secret in answer.text for secret in SECRETS), page
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "onclick" not in answer.text
        assert "javascript:" not in answer.text
        assert "例示データ" not in answer.text

    assert _row_counts() == before


@pytest.mark.slow
def test_details_show_a_row_and_whatever_is_no_row_is_not_there(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    visit = signed_in(visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))

    assert "山鹿市" in visit.get(f"/backoffice/tenant/details/?id={municipality}").text
    strange = (str(new_id()), "1,2", "%00", "9" * 20, "../", "", f"{municipality},{municipality}", "x" * 3_000)
    for page in ("tenant", "ledger-entry", "ledger-line", "ledger-balance", "member", "audit-event"):
        for name in strange:
            answer = visit.get(f"/backoffice/{page}/details/?id={name}")
            assert answer.status_code == 404, (page, name)


@pytest.mark.slow
def test_lists_take_whatever_is_asked_of_them(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    visit = signed_in(visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))
    strange = (
        *("page=99999999999999999999", "page=-1", "page=x", "page_size=1000000", "page_size=-5", "sort=99", "sort=-1"),
        *("sort=password", "desc=x", "search=%00", "search=%25", "search='--", "flt0_0=1", "search=" + "x" * 5_000),
    )
    for page in ("tenant", "ledger-line", "audit-event", "member"):
        for query in strange:
            assert visit.get(f"/backoffice/{page}/?{query}").status_code == 200, (page, query)
    assert "山鹿市" in visit.get("/backoffice/tenant/?search=山鹿").text
    assert "山鹿市" not in visit.get("/backoffice/tenant/?search=菊池").text


def test_no_address_writes_a_row(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, signed_in: SignIn, web: Flask
) -> None:
    visit = signed_in(visitors.person(operator_tenant, *ALL_BUT_APPROVER))
    served = {
        route.rule.rpartition("/")[0].rpartition("/")[2] for route in list_routes(web) if "/backoffice/" in route.rule
    }

    assert not served & {"new", "edit", "delete", "export", "ajax", "update"}
    before = _row_counts()
    for path in ("new/", "edit/", "delete/", "ajax/update/", "export/csv/"):
        assert visit.submit(f"/backoffice/tenant/{path}?id={municipality}", id=str(municipality)).status_code in (
            404,
            405,
        )
    assert _row_counts() == before


def test_a_member_is_suspended_by_the_command(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    person = visitors.person(municipality, Role.TENANT_FINANCE)
    with tenant_scope(OPERATOR):
        member = db.session.query(Member).filter(Member.person_id == UUID(person.id)).one()
        member_id = member.id
    security = signed_in(visitors.person(operator_tenant, Role.OPERATOR_SECURITY))

    refused = security.post("/backoffice/member/action/", data={"action": "disable", "rowid": str(member_id)})
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        assert db.session.get_one(Member, member_id).state == MemberState.ACTIVE
    done = security.submit("/backoffice/member/action/", action="disable", rowid=str(member_id))
    # The second click of a double click.
    again = security.submit("/backoffice/member/action/", action="disable", rowid=str(member_id))

    assert (refused.status_code, done.status_code, again.status_code) == (400, 302, 302)
    with tenant_scope(OPERATOR):
        db.session.expire_all()
        assert db.session.get_one(Member, member_id).state == MemberState.SUSPENDED
        event = db.session.query(AuditEvent).filter_by(command="disable_member", outcome="done").one()
        assert event.subject == person.id


def test_a_button_is_for_those_who_may(
    operator_tenant: UUID, municipality: UUID, visitors: Visitors, signed_in: SignIn
) -> None:
    auditor = signed_in(visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))
    person = visitors.person(municipality)
    before = _row_counts()

    assert "停止する" not in auditor.get("/backoffice/member/").text
    assert auditor.submit("/backoffice/member/action/", action="disable", rowid=person.id).status_code == 403
    assert auditor.submit("/backoffice/member/action/", action="delete", rowid=person.id).status_code == 404
    assert auditor.submit("/backoffice/tenant/action/", action="delete", rowid=str(municipality)).status_code == 404
    assert _row_counts() == before


def test_every_view_and_every_button_names_its_permission(settings: Settings) -> None:
    app = create_app(settings)
    (admin,) = app.extensions["admin"]

    assert [route.rule for route in list_routes(app) if "/backoffice" in route.rule and route.permission is None] == []
    for view in admin._views:
        assert isinstance(view.permission, Permission), view.name
        if isinstance(view, TableView):
            assert set(view._actions_data) == set(view.named_actions_permissions), view.name
            assert (view.can_create, view.can_edit, view.can_delete, view.can_export) == (False,) * 4


def test_every_column_has_its_label_and_every_operator_may_read_every_table() -> None:
    for table in TABLES:
        assert [name for name in (*table.columns, *table.more) if name not in LABELS] == [], table.name
        for role in OPERATOR_ROLES:
            assert table.permission in ROLE_PERMISSIONS[role], (table.name, role)
