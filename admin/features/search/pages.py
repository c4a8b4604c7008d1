"""検索: a tenant by code, name or kana, a person by name or address, a notice by its number."""

from __future__ import annotations

from flask import Blueprint

from admin.core.guard import may, requires
from admin.interface.lists import query_search
from admin.interface.pages import render_page, session
from billing.notices.queries import notices_page
from governance.kernel.keyset import PageRequest
from governance.permissions import Permission
from tenancy.people.queries import find_people
from tenancy.tenants.queries import TenantFilter, former_names, names_of_tenants, tenants_page

pages = Blueprint("search", __name__, template_folder="templates")

SHOWN = 20
"""How many of each kind are shown; who looks for one of more narrows the words."""


@pages.get("/search")
@requires(Permission.OVERVIEW_READ)
def search() -> tuple[str, int]:
    """What the words find, at most 20 of each kind; nothing for no words."""
    words, part = query_search(), PageRequest(SHOWN)
    tenants = (
        tenants_page(session(), part, TenantFilter(words=words)).items if words and may(Permission.TENANT_READ) else []
    )
    people = find_people(session(), words, part).items if words and may(Permission.MEMBER_READ) else []
    notices = notices_page(session(), part, number=words).items if words and may(Permission.NOTICE_READ) else []
    return render_page(
        "search/search",
        words=words,
        shown=SHOWN,
        tenants=tenants,
        former_names=former_names(session(), words, tenants),
        people=people,
        notices=notices,
        tenant_names=names_of_tenants(session(), [one.tenant_id for one in people]),
    )
