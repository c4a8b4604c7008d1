"""What schemathesis also checks of every answer: each refusal is one that the document explains.

Loaded by the program itself (SCHEMATHESIS_HOOKS).
"""

from __future__ import annotations

import re
from typing import Any, Final

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

SAID_BY_THE_SCHEMA: Final = frozenset(
    {
        "api.if_match_wrong",
        "api.key_missing",
        "api.not_an_object",
        "api.not_expected",
        "api.twice",
        "api.version_missing",
        "http.bad_request",
        "http.content_type",
        "http.method",
        "idempotency.malformed",
        "input.wrong",
    }
)
"""Refusals of a form that the schema describes: what is valid by the schema never meets one."""


@schemathesis.check
def refusals_are_explained(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A refusal has a code of `x-problems`; of what the schema allows, one of a reason that the schema cannot say."""
    if response.status_code < 400:
        return
    code = response.json()["code"]
    assert code in case.operation.schema.raw_schema["x-problems"], f"the document does not explain {code}"
    meta = case.meta
    if meta is not None and meta.generation.mode.is_positive:
        assert code not in SAID_BY_THE_SCHEMA, f"{code} refuses what the schema allows: {response.text}"


@schemathesis.hook
def before_call(ctx: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Leave out of a valid request the optional headers that are not valid.

    To the valid bodies of its coverage phase schemathesis 4.32.5 adds the last value it tried for such a header, which
    is a wrong one, and calls the whole valid.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for parameter in case.operation.headers:
        value = case.headers.get(parameter.name)
        pattern = parameter.definition["schema"].get("pattern")
        if value is not None and pattern is not None and not parameter.is_required and not re.search(pattern, value):
            del case.headers[parameter.name]
