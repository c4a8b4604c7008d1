"""Fields of forms keep their names: bookmarks fill them, and so do scripts and the journeys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

import pytest
from flask import Flask

from governance.actors import Actor
from governance.permissions import OPERATOR_ROLES, Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_pages import ROLES, pages
from tests.admin.visitors import Visit
from tests.architecture.entry_point_list import Names, assert_as_listed
from tests.factories import ALL_BUT_APPROVER, Visitors

EVERY_FORM_HAS: Final = {"csrf_token", "key", "step"}


class _FieldNames(HTMLParser):
    """The names of a page's form fields, by method and address of the form."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._form: tuple[str, str] | None = None
        self.names: set[tuple[str, str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._form = ((given.get("method") or "get").upper(), given.get("action") or self._address)
        elif tag in ("input", "select", "textarea", "button") and self._form is not None and given.get("name"):
            self.names.add((*self._form, str(given["name"])))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def field_names(web: Flask, sample: ConsoleSample, visits: Iterable[Visit]) -> Names:
    """`POST /costs/record yen` for every field of every form that one of these visits sees."""
    found: Names = {}
    addresses = web.url_map.bind("localhost")
    for visit in visits:
        for page in pages(web, sample).values():
            answer = visit.get(page)
            parser = _FieldNames(page)
            if answer.mimetype == "text/html":
                parser.feed(answer.text)
            for method, action, name in parser.names:
                if name not in EVERY_FORM_HAS:
                    rule, _ = addresses.match(urlsplit(action).path, method=method, return_rule=True)
                    found[f"{method} {rule.rule} {name}"] = ""
    return found


@pytest.mark.slow
def test_every_form_field_is_as_listed(
    web: Flask, sample: ConsoleSample, visitors: Visitors, signed_in: Callable[[Actor], Visit]
) -> None:
    operator_tenant = sample.factory.actors.operator_tenant
    operator = visitors.person(operator_tenant, *(role for role in ROLES if role in ALL_BUT_APPROVER))
    approver = visitors.person(operator_tenant, Role.OPERATOR_APPROVER)
    municipal = visitors.person(sample.tenant_id, *(role for role in ROLES if role not in OPERATOR_ROLES))

    now = field_names(web, sample, [signed_in(one) for one in (operator, approver, municipal)])

    assert_as_listed("form fields", now)
