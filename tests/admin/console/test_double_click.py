"""A double click on the button of each kind of form does the thing once, and leads where one click leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest
from sqlalchemy import func, select

from admin.interface.file_imports import pack_file
from billing.runs.commands import DraftRevision, draft_revision
from billing.runs.states import RunKind
from governance.audit.tables import AuditEvent
from governance.commands import system_transaction
from governance.events import Event
from governance.kernel.database import OPERATOR
from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_forms import hidden
from tests.admin.console.test_steps import waiting_onboarding
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]


@dataclass(frozen=True)
class Click:
    """The last click of a form: who makes it, the address it is sent to with its fields, and what it records.

    `page` is where its hidden fields stand, where it has any that only the page knows.
    """

    role: Role
    address: str
    event: Event
    fields: dict[str, str] = field(default_factory=dict)
    page: str = ""


def _run_to_approve(sample: ConsoleSample) -> Click:
    sample.factory.record(1_000_000, name="追加")
    prepared = sample.factory.prepare(RunKind.REVISION)
    page = f"/allocations/{prepared.run_id}"
    return Click(Role.OPERATOR_APPROVER, f"{page}/approve", Event.ALLOCATION_APPROVED, {"digest": prepared.digest})


def _run_to_send_back(sample: ConsoleSample) -> Click:
    sample.factory.record(1_000_000, name="追加")
    page = f"/allocations/{sample.factory.prepare(RunKind.REVISION).run_id}"
    return Click(Role.OPERATOR_APPROVER, f"{page}/reject", Event.ALLOCATION_REJECTED, {"reason": "根拠を添える"})


def _draft_to_submit(sample: ConsoleSample) -> Click:
    sample.factory.record(1_000_000, name="追加")
    draft = draft_revision(DraftRevision(fiscal_year=2025), actor=sample.factory.actors.finance)
    page = f"/allocations/{draft.run_id}"
    return Click(Role.OPERATOR_FINANCE, f"{page}/submit", Event.ALLOCATION_SUBMITTED, page=page)


def _step_to_decide(sample: ConsoleSample) -> Click:
    address = f"/onboardings/{waiting_onboarding(sample)}/decide"
    fields = {"name": "service_client", "choice": "skip", "reason": "使わない"}
    return Click(Role.OPERATOR_ONBOARDING, address, Event.ONBOARDING_DECIDED, fields)


def _file(sample: ConsoleSample) -> Click:
    content = pack_file("団体コード,団体名,フリガナ,種別\n432059,水俣市,ミナマタシ,市\n".encode())
    return Click(Role.OPERATOR_ONBOARDING, "/tenants/import", Event.TENANTS_IMPORTED, {"content": content})


KINDS: Final[dict[str, Callable[[ConsoleSample], Click]]] = {
    "common form": lambda s: Click(
        Role.OPERATOR_ONBOARDING,
        "/tenants/new",
        Event.TENANT_REGISTERED,
        {"kind": "city", "code": "432059", "name": "水俣市", "kana": "ミナマタシ", "valid_from": "R8.4.1"},
    ),
    "common form without a page to confirm": lambda s: Click(
        Role.OPERATOR_ONBOARDING,
        f"/tenants/{s.other_id}/contacts/finance",
        Event.CONTACT_RECORDED,
        {"section": "財政課", "name": "肥後 花子", "email": "zaisei@yatsushiro.example"},
    ),
    "common form that waits for a second person": lambda s: Click(
        Role.OPERATOR_SECURITY,
        f"/tenants/{s.factory.actors.operator_tenant}/people/new",
        Event.APPROVAL_REQUESTED,
        {"family_name": "肥後", "given_name": "花子", "email": "higo@pref.example", "roles": "operator-auditor"},
    ),
    "form by hand that waits for a second person": lambda s: Click(
        Role.OPERATOR_FINANCE,
        f"/ledger/{s.tenant_id}/entries/post",
        Event.APPROVAL_REQUESTED,
        {
            "memo": "負担金の追加",
            "reference": "R7-1",
            "account_1": "receivable",
            "debit_1": "1000",
            "account_2": "burden",
            "credit_2": "1000",
            "happened_on": "R7.5.1",
            "kind": "ordinary",
        },
    ),
    "form by hand": lambda s: Click(
        Role.OPERATOR_ONBOARDING,
        "/agreements/publish",
        Event.AGREEMENT_PUBLISHED,
        {
            "name": "joint-use",
            "title": "共同利用協定",
            "text": "第1条 変更",
            "language": "ja",
            "effective_from": "R8.4.1",
            "mandatory": "true",
        },
    ),
    "decision about a request": lambda s: Click(
        Role.OPERATOR_APPROVER,
        f"/approvals/{s.approval_id}/decide",
        Event.LEDGER_POSTED,
        {"decision": "approved", "reason": ""},
        f"/approvals/{s.approval_id}",
    ),
    "decision about a quota": lambda s: Click(
        Role.OPERATOR_APPROVER,
        f"/quota-requests/{s.quota_request_id}/decide",
        Event.QUOTA_DECIDED,
        {"decision": "approved", "reason": "確認した"},
        f"/quota-requests/{s.quota_request_id}",
    ),
    "approval of a run": _run_to_approve,
    "a run sent back": _run_to_send_back,
    "submission of a draft": _draft_to_submit,
    "decision about a step": _step_to_decide,
    "import of a file": _file,
}


def _recorded(event: Event) -> int:
    with system_transaction(OPERATOR) as session:
        done = select(func.count()).where(AuditEvent.event == event.value, AuditEvent.outcome == "done")
        return session.scalars(done).one()


@pytest.mark.parametrize("kind", KINDS)
def test_a_double_click_does_it_once(sample: ConsoleSample, visit_as: VisitAs, kind: str) -> None:
    click = KINDS[kind](sample)
    visit, before = visit_as(click.role), _recorded(click.event)
    known = hidden(visit.get(click.page)) if click.page else {}
    fields = {**known, **click.fields, "key": "one-key", "step": "apply", "csrf_token": visit.token}

    first = visit.post(click.address, data=fields)
    once = _recorded(click.event)
    second = visit.post(click.address, data=fields)

    assert first.status_code == 303
    assert "form=" not in first.location
    assert once > before
    assert _recorded(click.event) == once, "the second click did nothing"
    assert (second.status_code, second.location) == (303, first.location)
    assert visit.get(second.location).status_code == 200
