"""The document: valid, complete, and with names that a program can use."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

import pytest
from click.testing import CliRunner
from flask import Flask
from openapi_spec_validator import validate

from admin.features import api_routes
from admin.features.system.openapi_cli import openapi
from admin.interface.api_routes import PREFIX, Tag
from admin.interface.openapi import document
from admin.operations.settings import Settings

ROUTES = api_routes()

BOUNDED_BY_THE_BODY: Final = {
    "ComponentEntry/properties/name",
    "DeductionEntry/properties/name",
    "DefineCostPool/properties/rule",
    "EqualByKindComponent/properties/source/anyOf/0",
    "EqualComponent/properties/source/anyOf/0",
    "FixedComponent/properties/source/anyOf/0",
    "PrepareAllocation/properties/requested_for/anyOf/0",
    "RecordCost/properties/pool",
    "RegisterClient/properties/scopes/items",
    "StatisticComponent/properties/source/anyOf/0",
}
"""Texts that end with the largest body: names of what the database holds, and parts of a rule."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(api_routes(), "https://moyai.example")


@pytest.mark.slow
def test_the_document_is_valid_openapi(described: dict[str, Any]) -> None:
    validate(described)


def test_every_address_is_described_with_its_refusals(described: dict[str, Any]) -> None:
    paths = described["paths"]
    for route in ROUTES:
        operation = paths[PREFIX + re.sub(r"<(\w+)>", r"{\1}", route.rule)][route.method.lower()]
        assert operation["operationId"] == route.name
        assert operation["security"] == [{"bearer": []}]
        assert re.fullmatch(r"[^/]*[ぁ-んァ-ン一-龠][^/]* / [A-Z][^ぁ-ん]+\.", operation["summary"]), operation[
            "summary"
        ]
        assert str(route.status) in operation["responses"]
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "422", "503"} <= refusals.keys(), route.name
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in refusals.values())
        if route.method == "POST":
            key = next(one for one in operation["parameters"] if one["name"] == "Idempotency-Key")
            assert (key["in"], key["required"]) == ("header", True)
    assert sum(len(methods) for methods in paths.values()) == len(ROUTES)


def test_the_document_says_where_it_is_served_and_what_each_group_is(described: dict[str, Any]) -> None:
    assert [server["url"] for server in described["servers"]] == ["https://moyai.example"]
    assert {tag["name"] for tag in described["tags"]} == {tag.value for tag in Tag}
    assert all(tag["description"] for tag in described["tags"])
    used = {name for methods in described["paths"].values() for one in methods.values() for name in one["tags"]}
    assert used == {tag.value for tag in Tag}


def test_every_text_of_an_address_and_of_a_body_has_a_limit(described: dict[str, Any]) -> None:
    """What is one of a list, or has a format or a pattern, is bounded too; what only the largest body ends is named."""
    schemas = described["components"]["schemas"]
    known: set[str] = set()

    def unlimited(node: Any, path: str) -> Iterator[str]:
        if isinstance(node, list):
            for place, one in enumerate(node):
                yield from unlimited(one, f"{path}/{place}")
        if not isinstance(node, dict):
            return
        if node.get("type") == "string" and not {"maxLength", "enum", "const", "format", "pattern"} & node.keys():
            yield path
        if (name := str(node.get("$ref", "")).rpartition("/")[2]) and name not in known:
            known.add(name)
            yield from unlimited(schemas[name], name)
        for key, one in node.items():
            yield from unlimited(one, f"{path}/{key}")

    found: set[str] = set()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                found |= set(unlimited(parameter["schema"], f"{method} {path} {parameter['name']}"))
            found |= set(unlimited(operation.get("requestBody", {}), f"{method} {path}"))
    assert found == BOUNDED_BY_THE_BODY


def test_a_date_in_an_address_has_the_years_that_are_taken(described: dict[str, Any]) -> None:
    parameters = described["paths"][f"{PREFIX}/allocation-runs/{{run}}/notice-plan"]["get"]["parameters"]
    (pattern,) = {one["schema"]["pattern"] for one in parameters if one["name"] == "due_on"}

    for day in ("1989-01-01", "1999-12-31", "2026-04-01", "2100-12-31"):
        assert re.search(pattern, day), day
    for day in ("0277-03-18", "1988-12-31", "2101-01-01", "3026-04-01"):
        assert not re.search(pattern, day), day


def test_the_content_of_a_file_is_base64_with_its_padding(described: dict[str, Any]) -> None:
    pattern = described["components"]["schemas"]["ImportTenants"]["properties"]["content"]["pattern"]

    for length in range(8):
        assert re.search(pattern, b64encode(b"\xff" * length).decode()), length
    for text in ("A", "AB", "AB==", "A===", "====", "A_8=", "熊本"):
        assert not re.search(pattern, text), text


def test_the_plan_of_a_cohort_says_that_it_may_conflict(described: dict[str, Any]) -> None:
    assert "409" in described["paths"][f"{PREFIX}/cohorts/{{cohort}}/plan"]["get"]["responses"]


def test_component_names_are_clean(described: dict[str, Any]) -> None:
    assert [name for name in described["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []


def test_rule_bodies_and_allocation_inputs_are_described_to_their_last_key(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]

    bodies = schemas["DraftRule"]["properties"]["body"]["anyOf"]
    assert [body["$ref"].rpartition("/")[2] for body in bodies] == ["CostSharing", "StagedRule"]
    bases = schemas["CostSharing"]["properties"]["components"]["items"]["oneOf"]
    assert [basis["$ref"].rpartition("/")[2] for basis in bases] == [
        "EqualComponent",
        "EqualByKindComponent",
        "StatisticComponent",
        "FixedComponent",
    ]
    case = schemas["ComputeSplit"]["properties"]["case"]
    assert case["required"] == ["total_yen", "unit_yen", "rounding", "components"]
    assert case["additionalProperties"] is False
    assert schemas["ComponentEntry"]["required"] == ["name", "ratio", "weights"]


def test_no_body_asks_for_what_the_address_says(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            if "{tenant}" in path and "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                body = described["components"]["schemas"][reference.rpartition("/")[2]]
                assert "tenant_id" not in body["properties"], path


@pytest.mark.slow
def test_the_command_line_prints_what_is_served(web: Flask, settings: Settings) -> None:
    printed = CliRunner(env=settings.as_environment()).invoke(openapi, ["--json"])
    served = web.test_client().get(f"{PREFIX}/openapi.json", base_url=settings.public_url)

    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == json.loads(served.data)
