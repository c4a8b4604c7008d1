"""The document: valid, complete, and with names that a program can use."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from openapi_spec_validator import validate

from admin.features import api_routes
from admin.features.system.openapi_cli import openapi
from admin.interface.api_routes import PREFIX
from admin.interface.openapi import document
from admin.operations.settings import Settings

ROUTES = api_routes()


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(api_routes())


@pytest.mark.slow
@pytest.mark.usefixtures("uncounted")
def test_the_document_is_valid_openapi(described: dict[str, Any]) -> None:
    validate(described)


def test_every_address_is_described_with_its_refusals(described: dict[str, Any]) -> None:
    paths = described["paths"]
    for route in ROUTES:
        operation = paths[PREFIX + re.sub(r"<(\w+)>", r"{\1}", route.rule)][route.method.lower()]
        assert operation["operationId"] == route.name
        assert operation["security"] == [{"bearer": []}]
        assert operation["summary"]
        assert str(route.status) in operation["responses"]
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "422", "503"} <= refusals.keys(), route.name
        assert all(list(answer["content"]) == ["application/problem+json"] for answer in refusals.values())
        if route.method == "POST":
            key = next(one for one in operation["parameters"] if one["name"] == "Idempotency-Key")
            assert (key["in"], key["required"]) == ("header", True)
    assert sum(len(methods) for methods in paths.values()) == len(ROUTES)


def test_component_names_are_clean(described: dict[str, Any]) -> None:
    assert [name for name in described["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []


def test_rule_bodies_and_allocation_inputs_are_described_to_their_last_key(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]

    assert schemas["DraftRule"]["properties"]["body"]["$ref"].endswith("/CostSharing")
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
    printed = CliRunner().invoke(openapi, ["--json"])
    served = web.test_client().get(f"{PREFIX}/openapi.json", base_url=settings.public_url)

    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == json.loads(served.data)
