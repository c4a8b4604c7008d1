"""What is to go says so in every answer and in the document (RFC 9745, RFC 8594), by one word of its declaration."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask_openapi.openapi import OpenAPI
from openapi_spec_validator import validate

from admin.features.costs.entry_points import ENTRY_POINTS
from admin.interface.api import register_api
from admin.interface.api_requests import Query, YearParam
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.deprecation import Deprecation
from admin.interface.entry_points import ApiAddress, EntryPoint, api
from admin.interface.openapi import document
from governance.kernel.models import ReadModel
from governance.permissions import Permission

SAMPLE = Deprecation(since=date(2026, 12, 1), sunset=date(2027, 12, 1), successor="/api/v1/new-sums")


class Sum(ReadModel):
    yen: int


class SumQuery(Query):
    fiscal_year: YearParam


def _routes() -> ApiRoutes:
    record, *_ = (one for one in ENTRY_POINTS if one.handler.name == "record_cost")
    address: ApiAddress = api("POST /old-costs", deprecation=SAMPLE)
    routes = ApiRoutes(Tag.COSTS, [EntryPoint(record.handler, record.label, record.button, api=address)])

    @routes.query("/old-sums", Permission.PUBLIC, deprecation=SAMPLE)
    def get_old_sum(query: SumQuery) -> Sum:
        """Show the sum."""
        return Sum(yen=query.fiscal_year)

    @routes.query("/new-sums", Permission.PUBLIC)
    def get_new_sum() -> Sum:
        """Show the sum."""
        return Sum(yen=1)

    return routes


@pytest.fixture
def app() -> OpenAPI:
    made = OpenAPI("sample", static_folder=None, doc_ui=False)
    register_api(made, list(_routes()))
    return made


def test_every_answer_of_what_is_deprecated_says_since_when_until_when_and_what_instead(app: OpenAPI) -> None:
    answer = app.test_client().get("/api/v1/old-sums?fiscal_year=2025")

    assert (answer.status_code, answer.json) == (200, {"yen": 2025})
    # Midnight in Japan is 15:00 of the day before in UTC.
    assert answer.headers["Deprecation"] == "@1796050800"
    assert answer.headers["Sunset"] == "Tue, 30 Nov 2027 15:00:00 GMT"
    assert answer.headers["Link"] == '</api/v1/new-sums>; rel="successor-version"'


def test_what_is_not_deprecated_says_nothing(app: OpenAPI) -> None:
    answer = app.test_client().get("/api/v1/new-sums")

    assert answer.status_code == 200
    assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers.keys())


def test_a_refusal_says_it_too(app: OpenAPI) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/api/v1/old-sums")

    assert answer.status_code >= 400
    assert answer.headers["Deprecation"] == "@1796050800"


def test_the_document_marks_it_and_describes_the_headers() -> None:
    described: dict[str, Any] = document(_routes(), "https://moyai.example")
    paths = described["paths"]

    validate(described)
    for operation in (paths["/api/v1/old-sums"]["get"], paths["/api/v1/old-costs"]["post"]):
        assert operation["deprecated"] is True
        assert "2027-12-01" in operation["description"]
        assert all(
            {"Deprecation", "Sunset", "Link"} <= one["headers"].keys() for one in operation["responses"].values()
        )
    assert paths["/api/v1/new-sums"]["get"]["deprecated"] is False
    assert "headers" not in paths["/api/v1/new-sums"]["get"]["responses"]["200"]


def test_a_notice_of_less_than_twelve_months_is_refused_but_to_close_a_hole() -> None:
    with pytest.raises(ValueError, match="less than 12 months"):
        Deprecation(since=date(2026, 12, 1), sunset=date(2027, 11, 30))
    assert Deprecation(since=date(2026, 12, 1), sunset=date(2027, 1, 1), closes_hole=True).successor is None
