"""What the pages about one tenant have in common: whom they are about, the way back, and where they lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import Fact, FormContext
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy import directory


def about_tenant(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant's name beside the form. Raises NotFound."""
    return FormContext([Fact(gettext("Tenant"), directory.tenant_by_id(session, given["tenant_id"]).name)])


def to_tenant(given: Mapping[str, Any]) -> tuple[Label, str]:
    """The link back to the tenant's page."""
    name = directory.tenant_by_id(db.session(), given["tenant_id"]).name
    return Label(name, name), url_for("tenants.tenant", tenant_id=given["tenant_id"])


def to_part(endpoint: str, label: Label) -> Callable[[Mapping[str, Any]], tuple[Label, str]]:
    """The link back to a part of the tenant's page, such as its people."""

    def back(given: Mapping[str, Any]) -> tuple[Label, str]:
        name = directory.tenant_by_id(db.session(), given["tenant_id"]).name
        address = url_for(endpoint, tenant_id=given["tenant_id"])
        return Label(f"{name} {label.ja}", f"{name}: {label.en}"), address

    return back


to_people: Final = to_part("tenants.tenant_people", Label("利用者", "people"))
to_systems: Final = to_part("tenants.tenant_systems", Label("連携システム", "systems"))
to_quotas: Final = to_part("tenants.tenant_quotas", Label("利用枠", "quotas"))


def done(action: str) -> Callable[[Any, Any], str]:
    """Leads to the tenant's page of what was done; `action` is a key of its DONE_MESSAGES."""
    return lambda command, result: done_url(command.tenant_id, action)


def done_url(tenant_id: object, action: str) -> str:
    """The address of the page that says what was done and what is likely next."""
    return url_for("tenants.tenant_done", tenant_id=tenant_id, action=action)
