"""認証サービスとの差分: what Keycloak holds otherwise than Moyai wants it, body by body, and what mends it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Final
from uuid import UUID

from flask import Blueprint, current_app, request

from admin.core.guard import may, requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.drift.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.keycloak_port import identities_of
from admin.interface.labels import role_label, scope_label
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from admin.workflows.drift import find_drift
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from tenancy import directory
from tenancy.drift_checks import queries as checks
from tenancy.keycloak.comparison import (
    DifferenceKind,
    KeycloakObject,
    ObjectKind,
    OutsideChange,
    TenantDifference,
)
from tenancy.keycloak.port import Realm
from tenancy.people.queries import names_of_people
from tenancy.tenants.models import TenantFacts
from tenancy.tenants.queries import list_tenants
from tenancy.tenants.states import PROVISIONED_STATES

pages = add_forms(Blueprint("drift", __name__, template_folder="templates"), ENTRY_POINTS)

FIELD_LABELS: Final = {
    "name": Label("名称", "name"),
    "code": Label("団体コード", "code"),
    "alias": Label("認証サービスでの識別名", "alias"),
    "enabled": Label("利用できる", "enabled"),
    "roles": Label("役割", "role"),
    "email": Label("メールアドレス", "email address"),
    "family_name": Label("姓", "family name"),
    "given_name": Label("名", "given name"),
    "second_factor": Label("二要素認証が必要", "needs a second factor"),
    "jwks": Label("公開鍵", "public keys"),
    "scopes": Label("使える範囲", "scopes"),
    "tenant_claim": Label("所属する団体", "tenant of its tokens"),
    "key_login_only": Label("鍵だけでログインする", "signs in with its key only"),
    "secret_login_only": Label("シークレットだけでログインする", "signs in with its secret only"),
    "full_scope": Label("すべての役割を渡す", "full scope"),
}
"""A field of an object in Keycloak → what it is called."""

_UNSHOWN: Final = frozenset({"alias", "jwks", "tenant_claim"})
"""Fields whose values say nothing to a reader."""


_SHOWN_LENGTH: Final = 200
"""Longer values of a realm's setting are left to the command line."""


class Mending(Enum):
    """What brings Keycloak back to what Moyai wants."""

    REPAIR = "repair"
    CONFIGURE = "configure"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One difference in words; `intended` and `found` are empty where no field differs."""

    what: str
    kind: DifferenceKind
    field: str
    intended: str
    found: str
    mended: Mending
    change: OutsideChange | None = None
    changed_by: str = ""
    """Who made it in Keycloak, where that is known; when and from where is in `change`."""
    is_code: bool = False
    """Whether `what`, the field and its values are Keycloak's own names, by which its administration finds them."""

    @property
    def is_repaired(self) -> bool:
        """Whether a repair of the tenant writes what Moyai wants."""
        return self.mended is Mending.REPAIR


@dataclass(frozen=True, slots=True)
class DriftOfTenant:
    """The differences of one tenant, or of what belongs to none (`tenant` is None)."""

    tenant: TenantFacts | None
    rows: Sequence[DifferenceRow]

    @property
    def may_repair(self) -> bool:
        """Whether whoever asks can have Moyai write what differs, now."""
        return (
            self.tenant is not None
            and self.tenant.state in PROVISIONED_STATES
            and any(row.is_repaired for row in self.rows)
            and may(Permission.DRIFT_REPAIR)
        )


@pages.get("/drift")
@limited(RateLimit.CHECK)
@requires(Permission.DRIFT_READ)
def drift() -> tuple[str, int]:
    """Keycloak compared with the records now, of one body by its code or (`scope=all`) of everything.

    Without either it asks which, and lists the comparisons that were kept. Changes nothing.
    """
    code, is_all = request.args.get("tenant", "").strip(), request.args.get("scope") == "all"
    if not code and not is_all:
        kept = query_part().page_of_all(checks.drift_checks(session()), lambda one: one.id)
        return render_page("drift/choosing", checks=kept.items, next_cursor=next_cursor(kept))
    chosen = directory.tenant_by_code(session(), code) if code else None
    found = find_drift(identities_of(current_app), code or None)
    return render_page(
        "drift/drift",
        chosen=chosen,
        in_sync=found.in_sync,
        tenants=_by_tenant(found.differences),
        number=len(found.differences),
        as_of=clock.now(),
        check=None,
    )


@pages.get("/drift/checks/<uuid:check_id>")
@requires(Permission.DRIFT_READ)
def drift_check(check_id: UUID) -> tuple[str, int]:
    """What a comparison found that was kept. Asks nothing of Keycloak."""
    found = checks.drift_check(session(), check_id)
    return render_page(
        "drift/drift",
        chosen=None,
        in_sync=found.number == 0,
        tenants=_by_tenant(found.differences),
        number=len(found.differences),
        as_of=found.looked_at or found.asked_at,
        check=found,
    )


def _by_tenant(differences: Sequence[TenantDifference]) -> list[DriftOfTenant]:
    users = [one.about.name for one in differences if one.about and one.about.kind is ObjectKind.USER]
    users += [one.change.account for one in differences if one.change is not None]
    names = names_of_people(session(), users)
    tenants = {one.code: one for one in list_tenants(session())} if differences else {}
    return [
        DriftOfTenant(tenants.get(code), [_row(one, names) for one in rows])
        for code, rows in groupby(differences, key=lambda one: one.tenant)
    ]


def _row(one: TenantDifference, names: dict[str, str]) -> DifferenceRow:
    is_ours = one.kind in (DifferenceKind.MISSING, DifferenceKind.CHANGED)
    if one.about is None:
        return DifferenceRow(
            what=one.object,
            kind=one.kind,
            field=one.field or "",
            intended=_setting(one.intended) if one.field else "",
            found=_setting(one.found) if one.field else "",
            mended=Mending.CONFIGURE if is_ours else Mending.BY_HAND,
            change=one.change,
            changed_by=_account(one.change, names),
            is_code=True,
        )
    has_values = one.field is not None and one.field not in _UNSHOWN
    return DifferenceRow(
        what=_object(one.about, names),
        kind=one.kind,
        field="" if one.field is None else either(*FIELD_LABELS[one.field]),
        intended=_value(one.field, one.intended) if has_values else "",
        found=_value(one.field, one.found) if has_values else "",
        mended=Mending.REPAIR if is_ours else Mending.BY_HAND,
        change=one.change,
        changed_by=_account(one.change, names),
    )


def _account(change: OutsideChange | None, names: dict[str, str]) -> str:
    """Whose account made it; empty where Keycloak's record does not say."""
    if change is None:
        return ""
    is_ours = change.realm in set(Realm)
    return names.get(change.account, change.account) if is_ours else gettext("an administrator of Keycloak")


def _object(about: KeycloakObject, names: dict[str, str]) -> str:
    title = {
        ObjectKind.ROLE_GROUP: role_label(about.name),
        ObjectKind.USER: names.get(about.name, gettext("nobody that Moyai knows")),
    }.get(about.kind, about.title)
    kind = about.kind.label(current_language())
    words = gettext("%(kind)s: %(title)s", kind=kind, title=title or gettext("without a name"))
    if about.role is None:
        return words
    role = role_label(about.role) if about.role in set(Role) else gettext("a role that is not one of Moyai's")
    return gettext("%(what)s, role %(role)s", what=words, role=role)


def _value(field: str | None, value: object) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, list | tuple):
        return _listed(scope_label(str(one)) if field == "scopes" else role_label(str(one)) for one in value)
    return str(value) if value else "―"


def _setting(value: object) -> str:
    """A realm's setting as Keycloak writes it; nothing where it is too long to compare by eye."""
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _SHOWN_LENGTH else ""


def _listed(words: Iterable[str]) -> str:
    return gettext(", ").join(words) or "―"
