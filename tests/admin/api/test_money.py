"""Money through the API: a run prepared, decided by another person, posted, notified, proved and handed out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from governance.kernel import clock
from governance.permissions import Role
from tests.actors import Actors
from tests.admin.api.conftest import Caller
from tests.billing.allocation.test_bad_input import GOOD, changed, compute
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory

Callers = Callable[..., Caller]
THREE = {code: THIRTEEN[code] for code in ("431001", "434043", "435317")}
COST = {"fiscal_year": 2025, "pool": "running", "name": "運用保守", "yen": 24_000_000, "source": "契約書第12号"}


@pytest.fixture
def three(actors: Actors) -> Iterator[Factory]:
    """Three members and the rule adopted; no cost yet. It is 2 June 2025."""
    with clock.at(IN_FISCAL_YEAR_2025):
        factory = Factory(actors)
        factory.add_members(THREE)
        factory.adopt(factory.draft())
        factory.set_issuer()
        yield factory


def test_a_run_goes_from_its_cost_to_the_papers_and_the_books(callers: Callers, three: Factory) -> None:
    finance, approver = callers(Role.OPERATOR_FINANCE), callers(Role.OPERATOR_APPROVER)
    assert finance.send("/costs", COST).status_code == 201

    prepared = finance.send("/allocation-runs", {"fiscal_year": 2025, "kind": "estimate"})
    assert prepared.status_code == 201, prepared.text
    run = f"/allocation-runs/{prepared.json['run_id']}"  # type: ignore[index]
    digest = {"digest": prepared.json["digest"]}  # type: ignore[index]

    waiting = approver.get("/approvals").json
    assert [one["kind"] for one in waiting["items"]] == ["allocation"]  # type: ignore[index]
    own = finance.send(f"{run}/approval", digest)
    stale = approver.send(f"{run}/approval", {"digest": "0" * 64})
    assert (own.status_code, stale.status_code) == (403, 409)
    assert finance.get(run).json["state"] == "awaiting_approval"  # type: ignore[index]

    approved = approver.send(f"{run}/approval", digest, Idempotency_Key="approve-once")
    repeated = approver.send(f"{run}/approval", digest, Idempotency_Key="approve-once")
    twice = approver.send(f"{run}/approval", digest)
    assert (approved.status_code, repeated.status_code, twice.status_code) == (201, 201, 409)
    assert approved.json == repeated.json

    shown = finance.get(run).json
    assert shown is not None
    parts = sum(share["share_yen"] for share in shown["shares"])
    assert parts + shown["operator_yen"] + shown["operator_residual_yen"] == shown["total_yen"] == 24_000_000
    assert len(finance.get(f"{run}/workings").json["items"]) == 3  # type: ignore[index]

    decide(approver, finance.send(f"{run}/notices", {}))
    own_notices = callers(Role.TENANT_FINANCE, of=three.ids["431001"])
    (notice,) = own_notices.get("/notices?fiscal_year=2025").json["items"]  # type: ignore[index]
    pdf = own_notices.get(f"/notices/{notice['id']}/pdf")
    assert pdf.data.startswith(b"%PDF")
    foreign = callers(Role.TENANT_FINANCE, of=three.ids["434043"])
    assert foreign.get(f"/notices/{notice['id']}/pdf").status_code == 404
    assert own_notices.get(run).status_code == 404
    assert len(own_notices.get("/tenants/431001/shares").json["items"]) == 1  # type: ignore[index]

    proof = finance.get("/ledger/verification").json
    assert (proof["balanced"], proof["entries"]) == (True, 4)  # type: ignore[index]
    book = own_notices.get("/tenants/431001/ledger/entries").json
    assert [len(entry["lines"]) for entry in book["items"]] == [2]  # type: ignore[index]
    assert "431001" in finance.get("/ledger/export?format=beancount").text
    assert finance.get("/ledger/export?format=xlsx").status_code == 422
    assert "434043" not in own_notices.get("/ledger/export?format=hledger").text


def decide(approver: Caller, requested: TestResponse) -> None:
    """What was requested is approved by another person, who read it first."""
    assert requested.status_code == 202, requested.text
    address = f"/approvals/{requested.json['approval_id']}"  # type: ignore[index]
    shown = approver.get(address).json
    assert shown["decision"] is None  # type: ignore[index]
    decided = approver.send(f"{address}/decision", {"digest": shown["digest"], "decision": "approved"})  # type: ignore[index]
    assert decided.status_code == 201, decided.text
    assert decided.json["result"] == approver.get(address).json["result"] is not None  # type: ignore[index]


def test_a_year_is_closed_and_takes_nothing_more(callers: Callers, three: Factory) -> None:
    finance = callers(Role.OPERATOR_FINANCE)
    entry = {
        "reference": "try-1",
        "happened_on": "2025-06-02",
        "lines": [{"account": "receivable", "yen": 500}, {"account": "burden", "yen": -500}],
    }
    approver = callers(Role.OPERATOR_APPROVER)
    decide(approver, finance.send("/tenants/431001/ledger/entries", entry))
    for state in ("closing", "closed"):
        decide(approver, finance.send("/tenants/431001/ledger/periods/2025", {"to": state}, method="PUT"))

    late = finance.send("/tenants/431001/ledger/entries", {**entry, "reference": "try-2"})
    unbalanced = finance.send(
        "/tenants/434043/ledger/entries",
        {**entry, "lines": [{"account": "receivable", "yen": 500}, {"account": "burden", "yen": -499}]},
    )

    assert (late.status_code, unbalanced.status_code) == (409, 422)
    assert len(finance.get("/tenants/431001/ledger/entries").json["items"]) == 1  # type: ignore[index]
    assert finance.get("/tenants/434043/ledger/entries").json["items"] == []  # type: ignore[index]
    pages = finance.get("/tenants/431001/ledger/balances?limit=1").json
    assert pages["next_cursor"] is not None  # type: ignore[index]


def test_a_file_is_checked_row_by_row_and_imported_whole_or_not_at_all(callers: Callers, operator_tenant: UUID) -> None:
    officer = callers(Role.OPERATOR_ONBOARDING)
    lines = ["code6,name_ja,kana,kind", "434043,菊陽町,キクヨウマチ,town", "434036,大津町,オオヅマチ,town"]
    wrong = {"content": base64.b64encode("\n".join(lines).encode()).decode()}

    previewed = officer.send("/tenant-import-previews", wrong)
    refused = officer.send("/tenant-imports", wrong)

    assert previewed.status_code == 201, previewed.text
    assert [row["accepted"] for row in previewed.json["rows"]] == [True, False]  # type: ignore[index]
    assert refused.status_code == 422
    assert refused.json["code"] == "import.refused"  # type: ignore[index]
    assert [one["field"] for one in refused.json["errors"]] == ["content", "content.3.code6"]  # type: ignore[index]
    (problem,) = previewed.json["rows"][1]["problems"]  # type: ignore[index]
    assert (problem["column"], problem["given"], problem["code"]) == ("code6", "434036", "code.check_digit")
    assert "434035" in problem["reason"]
    assert len(officer.get("/tenants").json["items"]) == 1  # type: ignore[index]
    columns = officer.get("/tenant-import-columns").json["items"]  # type: ignore[index]
    assert {"heading": "団体コード", "name": "code6"}.items() <= columns[0].items()

    right = {"content": base64.b64encode("\n".join([*lines[:2], "434035,大津町,オオヅマチ,town"]).encode()).decode()}
    assert officer.send("/tenant-imports", right).status_code == 201
    assert len(officer.get("/tenants").json["items"]) == 3  # type: ignore[index]


def test_the_audit_log_names_who_used_the_api(callers: Callers, three: Factory) -> None:
    finance, auditor = callers(Role.OPERATOR_FINANCE), callers(Role.OPERATOR_AUDITOR)
    made = finance.send("/costs", COST)

    events = auditor.get("/audit-events?event=cost.recorded").json
    assert events is not None
    (event,) = events["items"]
    assert finance.actor is not None
    assert (event["actor"], event["request_id"]) == (finance.actor.id, made.headers["X-Request-Id"])
    verified = auditor.get("/audit-verification").json
    assert (verified["intact"], verified["findings"]) == (True, [])  # type: ignore[index]
    expected = auditor.get(f"/audit-verification?expect={three.ids['431001']}:9:{'0' * 64}").json
    assert [finding["kind"] for finding in expected["findings"]] == ["stream_missing"]  # type: ignore[index]
    assert auditor.get("/audit-verification?expect=x").status_code == 422
    municipality = callers(Role.TENANT_AUDITOR, of=three.ids["431001"])
    tenants = {event["tenant_id"] for event in municipality.get("/audit-events?limit=200").json["items"]}  # type: ignore[index]
    assert tenants == {str(three.ids["431001"])}
    assert municipality.get("/me").json["roles"] == ["tenant-auditor", "tenant-member"]  # type: ignore[index]


def test_a_case_is_computed_as_on_the_command_line_and_nothing_is_kept(callers: Callers, operator_tenant: UUID) -> None:
    printed = json.loads(compute(json.dumps(GOOD)).stdout)
    finance = callers(Role.OPERATOR_FINANCE)

    computed = finance.send("/allocation-computations", {"case": GOOD})
    refused = finance.send("/allocation-computations", {"case": changed("operator_ratio", "2")})

    assert computed.status_code == 201, computed.text
    assert computed.json == {"split": printed}
    assert refused.status_code == 422
    assert refused.json["field"] == "operator_ratio"  # type: ignore[index]
    assert finance.get("/allocation-runs").json["items"] == []  # type: ignore[index]
