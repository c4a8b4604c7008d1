"""The words of states and kinds on pages, Japanese and English: the glossary's, one word for one thing.

Permissions and events have theirs in `governance.labels`, labelled enums beside their members.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from flask import Flask

from admin.core.language import either, gettext
from admin.identity.own_sessions import SessionKind
from admin.workflows.joining import JoiningState, JoiningTaskName
from admin.workflows.waiting import ApprovalKind, TaskKind, TaskSection
from billing.allocation.bases import Basis
from billing.costs.states import ItemKind, TaxKind
from billing.ledger.chart import AccountKind
from billing.ledger.periods import EntryKind, PeriodState
from billing.notices.states import notice_title
from billing.runs.states import RunKind, RunState
from governance.actors import DIRECTORY_PREFIX
from governance.approvals.states import Decision
from governance.audit.findings import AuditFindingKind
from governance.audit.writer import AuditOutcome
from governance.kernel.labels import LabelledEnum
from governance.kernel.split import Rounding
from governance.labels import EVENT_LABELS, PERMISSION_LABELS, LabelPair
from governance.permissions import Role, scope_wording
from governance.rules.states import RuleState, StageChangeKind, StageKind
from governance.webhooks.states import DeliveryProblem, WebhookState
from tenancy.acceptances.states import AcceptanceState
from tenancy.access_reviews.states import LineDecision, LineFilter, LineKind, ReviewState
from tenancy.announcements.states import AnnouncementState, ConfirmationState
from tenancy.applications.states import (
    ApplicationState,
    Attestation,
    AwaitedParty,
    CheckName,
    CheckResult,
    Conclusion,
    Ground,
)
from tenancy.clients.states import ClientState
from tenancy.keycloak.comparison import ChangeKind, DifferenceKind
from tenancy.keycloak.port import FactorKind, IdentityProviderKind
from tenancy.mails.states import MailState
from tenancy.onboarding.models import StepEffect
from tenancy.onboarding.plan import Action, Target
from tenancy.onboarding.steps import AwaitedFrom, OnboardingKind, StepDecision, StepName, StepState
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.scim.models import ScimTokenState
from tenancy.people.states import MemberAction, MemberState, RoleChangeKind, SignIn, SyncProblem
from tenancy.preferences.columns import ListColumn, ListName
from tenancy.quotas.labels import dimension_wording, unit_wording
from tenancy.quotas.models import DimensionFacts, QuotaInForce
from tenancy.quotas.states import QuotaPeriod, QuotaRequestState, QuotaSource
from tenancy.tenants.states import ContactPurpose, FewestOwners, StatisticKind, TenantKind, TenantState


class Named(Protocol):
    """A thing with a short name and a label for people."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...


def labels_of(kinds: type[LabelledEnum]) -> dict[str, LabelPair]:
    """The labels that the members of an enum name themselves."""
    return {kind: (kind.ja, kind.en) for kind in kinds}


APPLICANT_ACTOR: Final = "system:applicant"
"""Who acts on the page of an application without an account."""

LABELS: Final[dict[str, dict[str, LabelPair]]] = {
    "tenant": labels_of(TenantState),
    "acceptance": labels_of(AcceptanceState),
    "access_review": labels_of(ReviewState),
    "review_line": labels_of(LineDecision),
    "line_kind": labels_of(LineKind),
    "line_filter": labels_of(LineFilter),
    "announcement": labels_of(AnnouncementState),
    "confirmation": labels_of(ConfirmationState),
    "application": labels_of(ApplicationState),
    "awaited_party": labels_of(AwaitedParty),
    "check": labels_of(CheckName),
    "check_result": labels_of(CheckResult),
    "attestation": labels_of(Attestation),
    "application_outcome": labels_of(Conclusion),
    "application_reason": labels_of(Ground),
    "kind": labels_of(TenantKind),
    "onboarding": labels_of(OnboardingKind),
    "step": labels_of(StepName),
    "step_decision": labels_of(StepDecision),
    # Of a step and of an onboarding as a whole, which is in one of the same states.
    "progress": labels_of(StepState),
    "awaited_from": labels_of(AwaitedFrom),
    "action": labels_of(Action),
    "effect": labels_of(StepEffect),
    "where": labels_of(Target),
    "purpose": labels_of(ContactPurpose),
    "statistic": labels_of(StatisticKind),
    "member_action": labels_of(MemberAction),
    "member": labels_of(MemberState),
    "role_change": labels_of(RoleChangeKind),
    "sign_in": labels_of(SignIn),
    "fewest_owners": labels_of(FewestOwners),
    "sync_problem": labels_of(SyncProblem),
    "client": labels_of(ClientState),
    "run": labels_of(RunState),
    "run_kind": labels_of(RunKind),
    "item": labels_of(ItemKind),
    "tax": labels_of(TaxKind),
    "rule_state": labels_of(RuleState),
    "stage": labels_of(StageKind),
    "stage_change": labels_of(StageChangeKind),
    "entry": labels_of(EntryKind),
    "account_kind": labels_of(AccountKind),
    "period": labels_of(PeriodState),
    "outcome": labels_of(AuditOutcome),
    "audit_finding": labels_of(AuditFindingKind),
    "decision": labels_of(Decision),
    "request": labels_of(QuotaRequestState),
    "approval": labels_of(ApprovalKind),
    "basis": labels_of(Basis),
    "rounding": labels_of(Rounding),
    "quota_source": labels_of(QuotaSource),
    "each": labels_of(QuotaPeriod),
    "joining": labels_of(JoiningState),
    "joining_task": labels_of(JoiningTaskName),
    "task": labels_of(TaskKind),
    "task_section": labels_of(TaskSection),
    "difference": labels_of(DifferenceKind),
    "keycloak_change": labels_of(ChangeKind),
    "mail": labels_of(MailState),
    "scim_token": labels_of(ScimTokenState),
    "webhook": labels_of(WebhookState),
    "identity_provider": labels_of(IdentityProviderState),
    "identity_provider_kind": labels_of(IdentityProviderKind),
    "identity_provider_problem": labels_of(CheckProblem),
    "delivery_problem": labels_of(DeliveryProblem),
    "session": labels_of(SessionKind),
    "factor": labels_of(FactorKind),
    "list": labels_of(ListName),
    "column": labels_of(ListColumn),
    "file_format": {name: (word, word) for name, word in (("utf-8", "UTF-8"), ("cp932", "CP932"), ("xlsx", "Excel"))},
}
"""What it is a state or kind of → value → Japanese and English."""

TONES: Final[dict[str, frozenset[str]]] = {
    "good": frozenset(
        {
            "active",
            "done",
            "posted",
            "approved",
            "accepted",
            "create",
            "in_force",
            "confirmed",
            "admitted",
            "passes",
            "signed",
            "enabled",
        }
    ),
    "bad": frozenset({"failed", "suspended", "denied", "rejected", "stopped", "ended", "fails"}),
    "warn": frozenset(
        {"waiting", "awaiting_approval", "refused", "leaving", "closing", "change", "paused", "invited", "not-accepted"}
        | {"not-confirmed", "sent-back", "submitted", "look", "end-roles", "suspend"}
    ),
    "info": frozenset({"running", "provisioning", "screening", "shown"}),
}
"""How a badge looks for which values: ○ done, × stopped, ！ waits for somebody, ● goes on. The others, such as what has
not begun, are a grey outline. The word always stands in it, so that no colour says anything alone."""


def label_of(value: str | None, thing: str) -> str:
    """The word of a state or kind of `thing` in this request's language.

    A value without a word shows itself: a page with one odd word is better than no page.
    """
    if value is None:
        return "―"
    found = LABELS[thing].get(value)
    return str(value) if found is None else either(*found)


def event_label(value: str) -> str:
    """What the record calls this event, for people."""
    return _label({str(event): words for event, words in EVENT_LABELS.items()}, value)


def role_label(value: str) -> str:
    """A role's word."""
    return _label(labels_of(Role), value)


def roles_label(values: Iterable[str]) -> str:
    """The words of a person's roles; that of a plain user only where there is no other."""
    found = list(values)
    shown = [value for value in found if value != Role.TENANT_MEMBER] or found
    return gettext(", ").join(map(role_label, shown))


def permission_label(value: str) -> str:
    """A permission's word."""
    return _label({str(permission): words for permission, words in PERMISSION_LABELS.items()}, value)


def scope_label(value: str) -> str:
    """What a scope of a service client allows."""
    return either(*scope_wording(value))


def dimension_label(of: DimensionFacts | QuotaInForce) -> str:
    """What a dimension of quotas is called."""
    name = of.name if isinstance(of, DimensionFacts) else of.dimension
    return either(*dimension_wording(name, of.label))


def unit_label(unit: str) -> str:
    """The unit of a dimension."""
    return either(*unit_wording(unit))


def notice_title_label(title: str) -> str:
    """The title of a notice in this request's language."""
    return either(*notice_title(title))


def tone(value: str | None) -> str:
    """The class of the badge of this state."""
    return next((name for name, values in TONES.items() if value in values), "plain")


def options(thing: str, values: Iterable[str]) -> list[tuple[str, str]]:
    """Value and word of each, for a choice."""
    return [(value, label_of(value, thing)) for value in values]


def named(rows: Iterable[Named]) -> list[tuple[str, str]]:
    """Name and label of each, for a choice that may be left open."""
    return [("", "―"), *((row.name, row.label) for row in rows)]


def actor_label(kind: str, actor: str) -> str:
    """Who acted, where no name is to be seen: Moyai itself, who administers its machine, a system, or the prefecture.

    A municipality sees the names of its own people only; whoever else acted for it belongs to the operator.
    """
    if kind == "system":
        if actor.startswith("cli:"):
            return gettext("the system administrator")
        if actor == APPLICANT_ACTOR:
            return gettext("the applicant")
        return gettext("Moyai (automatic)")
    if actor.startswith(DIRECTORY_PREFIX):
        return gettext("the directory (SCIM)")
    if kind == "client":
        return gettext("a service client")
    return gettext("a person of the prefecture")


def init_labels(app: Flask) -> None:
    """Make the words known to every template."""
    app.jinja_env.filters.update(
        label_of=label_of,
        event_label=event_label,
        role_label=role_label,
        roles_label=roles_label,
        permission_label=permission_label,
        scope_label=scope_label,
        dimension_label=dimension_label,
        unit_label=unit_label,
        notice_title=notice_title_label,
        tone=tone,
        actor_label=actor_label,
    )
    app.jinja_env.globals.update(options=options, named=named)


def _label(words: dict[str, LabelPair], value: str) -> str:
    return either(*words[value]) if value in words else value
