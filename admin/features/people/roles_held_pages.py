"""役割の保有記録: who held which role at a moment, as a list and as a file. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import current_actor, requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.downloads import table_response
from admin.interface.forms import Form
from admin.interface.labels import actor_label, role_label
from admin.interface.lists import query_date, query_enum, query_uuid
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from governance.kernel import clock
from governance.kernel.errors import DomainError
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.kernel.labels import Label
from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Permission, Role
from tenancy.clients.queries import names_of_clients
from tenancy.people.queries import names_of_people, people_called
from tenancy.people.roles_held import RoleHeld, moment_of, roles_held
from tenancy.tenants.queries import TenantFilter, list_tenants

pages = Blueprint("roles_held", __name__, template_folder="templates")

_FIELDS: Final = ("on", "time", "tenant", "role", "person")


@pages.get("/roles-held")
@requires(Permission.ROLES_HELD_READ)
def list_of_roles() -> tuple[str, int]:
    """Who held which role at the moment that the address names, now without one; a municipality its own people."""
    chosen = Form.initial(**{name: request.args.get(name, "").strip() for name in _FIELDS})
    chosen.day("on")
    found: KeysetPage[RoleHeld] = KeysetPage([], None)
    try:
        at = _moment()
        found = _roles_held(at, query_part())
    except DomainError as refusal:
        at = clock.now()
        chosen.add_error(refusal)
    is_operator = current_actor().is_operator
    offered = sorted(TENANT_ROLES | OPERATOR_ROLES if is_operator else TENANT_ROLES)
    return render_page(
        "people/roles_held",
        rows=found.items,
        who=_names(found.items),
        next_cursor=next_cursor(found),
        at=at,
        filter=chosen,
        is_operator=is_operator,
        roles=[(role.value, role_label(role)) for role in offered],
        tenants=[(str(one.id), one.name) for one in list_tenants(session(), TenantFilter())] if is_operator else [],
    )


_YES: Final = Label("はい", "yes")
_NO: Final = Label("いいえ", "no")
_FILE_HEADER: Final = (
    Label("時点", "as of"),
    Label("団体", "tenant"),
    Label("姓", "family name"),
    Label("名", "given name"),
    Label("メールアドレス", "email"),
    Label("役割", "role"),
    Label("開始", "from"),
    Label("終了", "until"),
    Label("付与した人", "given by"),
    Label("付与の理由", "reason for giving"),
    Label("終えた人", "ended by"),
    Label("終了の理由", "reason for ending"),
    Label("有効", "counts"),
)


@pages.get("/roles-held.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ROLES_HELD_READ)
def roles_file(file_kind: str) -> Response:
    """All that the list's filters let through."""
    at = _moment()
    found = _roles_held(at, PageRequest()).items
    who = _names(found)
    rows = (
        (
            at,
            one.tenant_name,
            one.family_name,
            one.given_name,
            one.email,
            role_label(one.role),
            one.valid_from,
            one.valid_until,
            who[one.granted_by],
            one.grant_reason,
            None if one.ended_by is None else who[one.ended_by],
            one.end_reason,
            either(*(_YES if one.counts else _NO)),
        )
        for one in found
    )
    return table_response(file_kind, gettext("roles_held"), [either(*label) for label in _FILE_HEADER], rows)


def _moment() -> datetime:
    """The moment in the address. Raises Invalid for one to come."""
    text = request.args.get("time", "")
    try:
        clock_time = time.fromisoformat(text) if len(text) == len("00:00") else None
    except ValueError:
        clock_time = None
    return moment_of(query_date("on"), clock_time, clock.now())


def _roles_held(at: datetime, part: PageRequest) -> KeysetPage[RoleHeld]:
    words = request.args.get("person", "").strip()[:100]
    return roles_held(
        session(),
        at,
        part,
        tenant_id=query_uuid("tenant"),
        role=query_enum("role", Role),
        person_ids=[UUID(one) for one in people_called(session(), words)] if words else None,
    )


def _names(found: Iterable[RoleHeld]) -> Mapping[str, str]:
    """Who gave and ended these roles: by name where the reader may see it, else what kind of actor it was."""
    accounts = {account for one in found for account in (one.granted_by, one.ended_by) if account is not None}
    known = names_of_people(session(), accounts) | names_of_clients(session(), accounts)
    return {account: known.get(account) or _kind_of(account) for account in accounts}


def _kind_of(account: str) -> str:
    return actor_label("system" if account.startswith(("cli:", "system:")) else "person", account)
