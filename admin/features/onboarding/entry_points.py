"""Entry points of the commands about onboardings. A step is decided on the page of its onboarding, written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from governance.kernel.database import db
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.onboarding.commands import decide_step, start_onboarding
from tenancy.onboarding.steps import KEYCLOAK_STEPS, StepName
from tenancy.repairs.commands import RepairRequested, RepairTenant, repair_tenant
from tenancy.tenants.states import TenantState


def _tenant_and_steps(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant and the steps that would follow, in their order. Raises NotFound for the tenant."""
    tenant = directory.tenant_by_id(session, given["tenant_id"])
    names = KEYCLOAK_STEPS if tenant.state is TenantState.ACTIVE else tuple(StepName)
    steps = [Fact(str(number), step.label(language)) for number, step in enumerate(names, 1)]
    return FormContext([Fact(gettext("Tenant"), tenant.name), *steps])


def _tenant(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant. Raises NotFound."""
    return FormContext([Fact(gettext("Tenant"), directory.tenant_by_id(session, given["tenant_id"]).name)])


def _to_drift(command: RepairTenant, result: RepairRequested) -> str:
    return url_for("drift.drift", tenant=directory.tenant_by_id(db.session(), command.tenant_id).code)


def _to_tenant(given: Mapping[str, Any]) -> tuple[Label, str]:
    name = directory.tenant_by_id(db.session(), given["tenant_id"]).name
    return Label(name, name), url_for("tenants.tenant", tenant_id=given["tenant_id"])


ENTRY_POINTS: Final = (
    EntryPoint(
        start_onboarding,
        Label("参加手続を始める", "Start onboarding"),
        Label("始める", "Start"),
        api=api("POST /tenants/<tenant>/onboardings", tenant="tenant_id"),
        cli=cli("onboarding start", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/onboarding",
            "onboarding_starting",
            then=lambda command, result: url_for("onboarding.onboarding", onboarding_id=result.onboarding_id),
            back=_to_tenant,
            intro=Label(
                "次の手順が続きます。入力が足りない手順は、入力を待ちます。",
                "These steps follow. Steps with missing input wait for it.",
            ),
            about=_tenant_and_steps,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        repair_tenant,
        Label("認証サービスとの差分を直す", "Repair differences with the identity server"),
        Label("直す", "Repair"),
        api=api("POST /tenants/<tenant>/repairs", tenant="tenant_id"),
        cli=cli("onboarding repair", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/repair",
            "tenant_repairing",
            then=_to_drift,
            back=_to_tenant,
            intro=Label(
                "認証サービスにないものと内容が違うものを、Moyaiの記録のとおりに書き直します。"
                "Moyaiが作っていないものは変えません。結果は監査記録に残ります。",
                "What is missing or different in the identity server is written as Moyai has it. "
                "What Moyai did not make is left alone. The result stands in the audit log.",
            ),
            about=_tenant,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        decide_step,
        Label("止まった手順の扱いを決める", "Retry, skip or adopt a step that waits or failed"),
        Label("この判断を確定する", "Confirm the decision"),
        api=api("POST /onboardings/<onboarding>/steps/<step>/decisions", onboarding="onboarding_id", step="step"),
        cli=cli("onboarding decide", "onboarding_id", "step", "choice"),
    ),
)
