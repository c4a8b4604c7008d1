"""Every page of the example says that signing in needs no second factor; no page of a real installation does."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pytest
from flask import Flask

from admin.app import create_app
from admin.operations.settings import Settings
from governance.kernel.database import db
from governance.permissions import Role
from tests.admin.visitors import visit
from tests.factories import Visitors

NOTICE: Final = "二要素認証なしでログインできます"


@pytest.mark.application
@pytest.mark.parametrize(
    ("is_example", "given", "is_said"), [(True, None, True), (True, True, False), (False, None, False)]
)
def test_every_page_says_so_where_it_is_so(
    settings: Settings,
    database: Flask,
    visitors: Visitors,
    operator_tenant: UUID,
    is_example: bool,
    given: bool | None,
    is_said: bool,
) -> None:
    app = create_app(settings.model_copy(update={"example": is_example, "second_factor_given": given}))
    auditor = visit(app, settings.public_url, visitors.person(operator_tenant, Role.OPERATOR_AUDITOR))
    stranger = visit(app, settings.public_url, None)

    pages = [auditor.get("/approvals").text, stranger.get("/login").text]
    with app.app_context():
        db.engine.dispose()

    assert [NOTICE in page for page in pages] == [is_said, is_said]
    assert ["例示データ" in page for page in pages] == [is_example, is_example]
