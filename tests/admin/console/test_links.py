"""Links of the pages lead to pages that are there, those of the first page also before there is anything else."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

from flask import Flask

from governance.permissions import Role
from tests.admin.conftest import PUBLIC_URL
from tests.admin.visitors import visit
from tests.factories import Visitors

ADMIN = Path(__file__).parents[3] / "admin"
_NAMED = re.compile(r"""\b(?:url_for|link_to|_page)\(\s*["']([\w.]+)["']""")


def test_every_page_that_a_template_or_a_view_names_is_there(kept_web: Flask) -> None:
    endpoints = {rule.endpoint for rule in kept_web.url_map.iter_rules()}
    named = {
        (str(path.relative_to(ADMIN)), name)
        for suffix in ("*.html", "*.py")
        for path in ADMIN.rglob(suffix)
        for name in _NAMED.findall(path.read_text(encoding="utf-8"))
    }

    assert len(named) > 100
    assert [(path, name) for path, name in named if name not in endpoints] == []


def test_the_first_page_of_the_first_person_leads_to_registering_tenants(
    kept_web: Flask, operator_tenant: UUID, visitors: Visitors
) -> None:
    person = visitors.person(operator_tenant, Role.OPERATOR_ONBOARDING, Role.OPERATOR_SECURITY)
    browser = visit(kept_web, PUBLIC_URL, person)

    page = browser.get("/")

    assert page.status_code == 200
    links = re.findall(r'href="(/tenants/[\w-]+)"', page.get_data(as_text=True))
    assert len(links) >= 2
    assert {browser.get(link).status_code for link in links} == {200}
