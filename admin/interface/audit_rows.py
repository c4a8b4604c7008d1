"""Rows of the audit log as pages show them: one for each action, its sentence with links, who did it, and details.

The names of what a page of events is about are read at once, kind by kind, and only those that are on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from flask import Flask, current_app, url_for
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from admin.core.guard import current_actor, permission_of
from admin.core.language import current_language, gettext
from admin.interface.audit_sentences import (
    Piece,
    fact_pairs,
    fact_text,
    reason_of,
    sentence,
    sentence_of_many,
    with_reason,
)
from admin.interface.labels import actor_label, dimension_label, permission_label
from admin.interface.problems import refusals_of_commands
from billing.costs.queries import cost_pools, names_of_items
from billing.runs.states import run_name
from governance.actors import COMMAND_LINE_PREFIX, ActorKind
from governance.agreements.queries import titles
from governance.audit.queries import AuditEventFacts, is_same_action
from governance.audit.writer import AuditOutcome
from governance.commands import COMMANDS
from governance.events import Event
from governance.former_names import current_message_code
from governance.kernel import clock
from governance.kernel.database import OPERATOR, current_scope, db
from governance.kernel.digest import canonical
from governance.kernel.errors import Language, Message
from governance.permissions import ROLE_PERMISSIONS, Role
from governance.rules.queries import labels_of_rules
from governance.webhooks.queries import names_of_webhooks
from tenancy.clients.queries import names_of_clients
from tenancy.onboarding.step_actions import MISSING_INPUT
from tenancy.onboarding.steps import StepName, StepState, awaited_from
from tenancy.people.queries import names_of_people
from tenancy.quotas.queries import dimensions, plans
from tenancy.tenants.queries import cohorts, names_of_tenants

_NAMES_AT_ONCE: Final = 2_000
"""Events of a file whose names are read at once."""

MAX_LINES: Final = 20
"""Lines of one action that a row shows; the page of the action shows them all."""

_PERSON: Final = frozenset(event for event in Event if event.startswith("member."))
_CLIENT: Final = frozenset(event for event in Event if event.startswith("client."))
_WEBHOOK: Final = frozenset(event for event in Event if event.startswith("webhook."))
_COST: Final = frozenset({Event.COST_RECORDED, Event.COST_WITHDRAWN})
_RULE: Final = frozenset({Event.RULE_DRAFTED, Event.RULE_ADOPTED, Event.RULE_ENDED})
_AGREEMENT: Final = frozenset({Event.AGREEMENT_PUBLISHED, Event.AGREEMENT_ACCEPTED, Event.AGREEMENT_REMINDED})
_ANNOUNCEMENT: Final = frozenset(event for event in Event if event.startswith("announcement."))
_APPLICATION: Final = frozenset(event for event in Event if event.startswith("application."))
_ACCESS_REVIEW: Final = frozenset(event for event in Event if event.startswith("access_review."))
_TENANT: Final = frozenset(
    {Event.OPERATOR_REGISTERED, Event.TENANT_REGISTERED, Event.TENANT_EDITED, Event.TENANT_STATE_CHANGED}
    | {
        Event.TENANT_SYNCED,
        Event.DEPARTURE_ANNOUNCED,
        Event.TENANTS_MERGED,
        Event.HAND_BACK_REQUESTED,
        Event.HAND_BACK_MADE,
    }
    | {Event.TENANT_RENAMING_PLANNED, Event.TENANT_RENAMING_UNDONE, Event.TENANT_RENAMED}
    | {Event.TENANT_FEWEST_OWNERS_SET}
)
_RUN: Final = frozenset({Event.ALLOCATION_PREPARED, Event.ALLOCATION_APPROVED, Event.ALLOCATION_REJECTED})
_ENTRY: Final = frozenset({Event.LEDGER_POSTED, Event.LEDGER_REVERSED})
_ONBOARDING: Final = frozenset(
    {Event.ONBOARDING_STARTED, Event.SYNC_STARTED, Event.ONBOARDING_ADVANCED, Event.ONBOARDING_DECIDED}
)
_QUOTA: Final = frozenset({Event.QUOTA_REQUESTED, Event.QUOTA_DECIDED})
_APPROVAL: Final = frozenset({Event.APPROVAL_REQUESTED, Event.APPROVAL_DECIDED})

_SHORT_ROLES: Final = {
    Role.OPERATOR_ONBOARDING: ("参加手続", "onboarding"),
    Role.OPERATOR_FINANCE: ("会計", "finance"),
    Role.OPERATOR_APPROVER: ("承認", "approver"),
    Role.OPERATOR_SECURITY: ("セキュリティ", "security"),
    Role.OPERATOR_AUDITOR: ("監査", "auditor"),
}
"""What a municipality reads of whoever of the prefecture acted: the office, not the name."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event in words."""

    event: AuditEventFacts
    text: Markup
    """The sentence with its links."""
    plain: str
    facts: Sequence[tuple[str, str]]
    """Label and wording of each fact that says more than the sentence."""

    @property
    def raw(self) -> str:
        """The facts as they are stored and sealed."""
        return canonical(self.event.facts).decode()


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One action: its sentence, and a line for each event where there are several."""

    first: AuditLine
    """The line that stands for the action."""
    text: Markup
    plain: str
    who: str
    tenant: str | None
    """Whose stream it is in; None where an action is in several."""
    lines: Sequence[AuditLine]
    """The events of the action in their order; empty where there is one."""
    left_out: int

    @property
    def event(self) -> AuditEventFacts:
        return self.first.event

    @property
    def recorded_at(self) -> datetime:
        return self.event.recorded_at

    @property
    def outcome(self) -> str:
        return self.event.outcome

    @property
    def count(self) -> int:
        return max(len(self.lines) + self.left_out, 1)


@dataclass(slots=True)
class _Names:
    """Names by kind, read at once for a page of events."""

    language: Language
    people: Mapping[str, str] = field(default_factory=dict)
    clients: Mapping[str, str] = field(default_factory=dict)
    tenants: Mapping[UUID, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    webhooks: Mapping[str, str] = field(default_factory=dict)
    by_slug: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Fact → its value → the label people read."""


def audit_rows(events: Iterable[AuditEventFacts]) -> list[AuditRow]:
    """The events, newest first, as rows: those of one action in one. For a template: reads names in this scope."""
    found = list(events)
    language = current_language()
    names = _read_names(db.session(), found, language)
    return [_row(group, names) for group in group_by_action(found)]


def audit_lines(events: Sequence[AuditEventFacts]) -> list[tuple[str, str]]:
    """Who did it and the sentence of each event, without links, for a file."""
    language = current_language()
    found = []
    for start in range(0, len(events), _NAMES_AT_ONCE):
        some = events[start : start + _NAMES_AT_ONCE]
        names = _read_names(db.session(), some, language)
        known = {**names.people, **names.clients}
        found += [(actor_text(event, known), _plain(_pieces(event, names))) for event in some]
    return found


def names_of_actors(found: Iterable[AuditEventFacts]) -> dict[str, str]:
    """Names of the people and systems that acted, as far as the reader may see them."""
    found = list(found)
    clients = {event.actor for event in found if event.actor_kind == ActorKind.CLIENT}
    return names_of_people(db.session(), {event.actor for event in found}) | (
        names_of_clients(db.session(), clients) if clients else {}
    )


def group_by_action(events: Sequence[AuditEventFacts]) -> list[list[AuditEventFacts]]:
    """The events of one action together, in the place of the newest of them; within, in the order of recording."""
    groups: list[list[AuditEventFacts]] = []
    for event in events:
        # Actions at the same time are recorded between each other: a few of the last are looked at.
        for group in reversed(groups[-8:]):
            last = group[-1]
            if (last.actor, last.command) == (event.actor, event.command) and is_same_action(last.id, event.id):
                group.append(event)
                break
        else:
            groups.append([event])
    return [group[::-1] for group in groups]


def actor_text(event: AuditEventFacts, names: Mapping[str, str]) -> str:
    """Who acted: by name where the reader may see it, else as 県の担当者（会計） or Moyai（自動処理）."""
    if event.actor in names:
        return names[event.actor]
    if event.actor_kind != ActorKind.PERSON or current_scope() == OPERATOR:
        return actor_label(event.actor_kind, event.actor)
    office = _office(event.permission)
    if office is None:
        return gettext("a person of the prefecture")
    return gettext("a person of the prefecture (%(office)s)", office=office)


def _office(permission: str) -> str | None:
    """The one office of the prefecture that holds a permission; None where several do."""
    holders = [role for role in _SHORT_ROLES if permission in {str(one) for one in ROLE_PERMISSIONS[role]}]
    if len(holders) != 1:
        return None
    return _SHORT_ROLES[holders[0]][0 if current_language() == "ja" else 1]


def _row(group: Sequence[AuditEventFacts], names: _Names) -> AuditRow:
    head, many = _headline(group)
    first = _line(head, names)
    text, plain = first.text, first.plain
    if many is not None:
        pieces = with_reason(many, reason_of(head.event, head.facts), names.language)
        text, plain = _markup(pieces, {}), _plain(pieces)
    streams = {event.tenant_id for event in group}
    return AuditRow(
        first=first,
        text=text,
        plain=plain,
        who=actor_text(head, {**names.people, **names.clients}),
        tenant=names.tenants.get(head.tenant_id) if len(streams) == 1 else None,
        lines=[_line(event, names) for event in group[:MAX_LINES]] if len(group) > 1 else [],
        left_out=max(len(group) - MAX_LINES, 0) if len(group) > 1 else 0,
    )


def _headline(group: Sequence[AuditEventFacts]) -> tuple[AuditEventFacts, list[Piece] | None]:
    """The event that stands for an action, and the sentence that counts its events where several say the same."""
    if len(group) == 1:
        return group[0], None
    wanted = _event_of_command(group)
    same = [event for event in group if event.event == wanted] or [
        event for event in group if event.event == group[0].event
    ]
    # One in the actor's own stream is about the action as a whole; those of the members are its parts.
    own = [event for event in same if event.tenant_id == event.acting_tenant_id]
    if len(same) == 1 or (len(own) == 1 and own[0] is same[0]):
        return same[0], None
    return same[0], sentence_of_many(same[0].event, len(same), current_language())


def _event_of_command(group: Sequence[AuditEventFacts]) -> str | None:
    """What the command of an action is for; of a decision, what the command is for that it carried out."""
    name = group[0].command
    for event in group:
        if event.event == Event.APPROVAL_DECIDED and event.facts.get("decision") == "approved":
            name = str(event.facts.get("command", name))
    handler = COMMANDS.get().get(name)
    return None if handler is None else str(handler.event)


def _line(event: AuditEventFacts, names: _Names) -> AuditLine:
    pieces = _pieces(event, names)
    is_done = event.outcome == AuditOutcome.DONE
    facts = fact_pairs(event.event, _without_ids(event, names), names.language) if is_done else []
    return AuditLine(event, _markup(pieces, _links(event) if is_done else {}), _plain(pieces), facts)


def _pieces(event: AuditEventFacts, names: _Names) -> list[Piece]:
    if event.outcome != AuditOutcome.DONE:
        return [Piece(_not_done(event, names.language))]
    pieces = sentence(event.event, event.facts, _worded(event, names), names.language)
    return with_reason(pieces, reason_of(event.event, event.facts), names.language)


def _not_done(event: AuditEventFacts, language: Language) -> str:
    """What was tried and why it did not happen."""
    what = permission_label(event.permission)
    if event.outcome == AuditOutcome.DENIED:
        return gettext("“%(what)s” was not done: no permission", what=what)
    if event.outcome == AuditOutcome.FAILED:
        return gettext("“%(what)s” ended with an error", what=what)
    refusal = refusals_of_commands().get(current_message_code(str(event.facts.get("code"))))
    if refusal is None:
        return gettext("“%(what)s” was refused", what=what)
    return gettext("“%(what)s” was refused: %(reason)s", what=what, reason=_without_facts(refusal, language))


def _without_facts(refusal: Message, language: Language) -> str:
    """A refusal as it reads without what was entered, which the audit log does not hold."""
    return (refusal.ja if language == "ja" else refusal.en).format_map(_Ellipsis())


class _Ellipsis(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "…"


def _worded(event: AuditEventFacts, names: _Names) -> dict[str, str]:
    """What the placeholders of the event's sentence stand for, beyond its own facts."""
    known = Event(event.event) if event.event in list(Event) else None
    facts = event.facts
    worded = {
        name: labels.get(str(facts[name]), str(facts[name])) for name, labels in names.by_slug.items() if name in facts
    }
    worded["tenant"] = names.tenants.get(event.tenant_id) or gettext("a tenant")
    if "other" in facts:
        worded["other"] = names.people.get(str(facts["other"])) or gettext("the system administrator")
    if "successor" in facts:
        worded["successor"] = names.people.get(str(facts["successor"])) or gettext("a person")
    if known is Event.ONBOARDING_ADVANCED and facts.get("state") == StepState.WAITING:
        needs_input = facts.get("reason") in MISSING_INPUT
        worded["state"] = awaited_from(StepName(facts["step"]), needs_input=needs_input).label(names.language)
    if known in _PERSON:
        worded["object"] = names.people.get(event.subject) or (
            gettext("the system administrator")
            if event.subject.startswith(COMMAND_LINE_PREFIX)
            else gettext("a person")
        )
    elif known in _CLIENT:
        worded["object"] = names.clients.get(event.subject) or gettext("a service client")
    elif known in _WEBHOOK:
        worded["object"] = names.webhooks.get(event.subject) or gettext("a webhook")
    elif known in _COST:
        worded["object"] = names.items.get(event.subject) or gettext("a cost item")
    elif known in _TENANT:
        worded["object"] = worded["tenant"]
    elif known in _RUN:
        worded["object"] = _run_name(facts, names.language)
    elif known in _ENTRY:
        worded["object"] = gettext("an entry")
    elif known in _ANNOUNCEMENT:
        worded["object"] = str(facts.get("title", ""))
    elif known in _APPLICATION:
        worded["object"] = gettext("application no. %(number)s", number=facts.get("number", "―"))
    elif known in _ACCESS_REVIEW:
        worded["object"] = gettext("an access review")
        if "as_of" in facts:
            day = fact_text(event.event, "as_of", facts["as_of"], names.language)
            worded["object"] = gettext("the access review as of %(day)s", day=day)
    elif known is Event.NOTICE_ISSUED:
        worded["object"] = str(facts.get("number", ""))
    elif known in _QUOTA:
        worded["object"] = gettext("request for a change")
    elif known in _APPROVAL:
        worded["object"] = gettext("request for approval")
    elif known is Event.COHORT_DEFINED:
        cohort = str(facts.get("name", ""))
        worded["object"] = names.by_slug.get("cohort", {}).get(cohort, cohort)
    elif known in _OBJECT_FACTS and _OBJECT_FACTS[known] in worded:
        worded["object"] = worded[_OBJECT_FACTS[known]]
    return worded


_OBJECT_FACTS: Final[Mapping[Event | None, str]] = {
    Event.COHORT_APPLIED: "cohort",
    Event.PLAN_DEFINED: "plan",
    Event.AGREEMENT_PUBLISHED: "agreement",
    Event.AGREEMENT_ACCEPTED: "agreement",
    Event.AGREEMENT_REMINDED: "agreement",
    Event.RULE_DRAFTED: "rule",
    Event.RULE_ADOPTED: "rule",
    Event.RULE_ENDED: "rule",
    Event.COST_POOL_DEFINED: "pool",
}
"""Events whose object a fact names."""


def _run_name(facts: Mapping[str, Any], language: Language) -> str:
    """「按分（第1回変更）」; by its number where an earlier version left out which change it was."""
    if "revision" not in facts:
        return gettext("allocation %(number)s", number=facts.get("number", "―"))
    return gettext("the allocation (%(run)s)", run=run_name(facts["revision"]).text(language))


def _without_ids(event: AuditEventFacts, names: _Names) -> dict[str, Any]:
    """The facts with labels in place of stored names; an account's id says nothing to people."""
    facts = {
        name: names.by_slug[name].get(str(value), value) if name in names.by_slug else value
        for name, value in event.facts.items()
        if name not in ("other", "successor", "accounts")
    }
    if event.event in _APPROVAL:
        # Whoever decided is the actor; `decided_by` is a body only where a rule is adopted.
        facts.pop("decided_by", None)
    if event.event == Event.COHORT_DEFINED:
        facts.pop("name", None)
    return facts


# ---- links ----------------------------------------------------------------------------------------------------------


def _links(event: AuditEventFacts) -> dict[str, str]:
    """Placeholder → the page of what it names, where there is one that the reader may open."""
    known = Event(event.event) if event.event in list(Event) else None
    found: dict[str, str] = {}
    tenant = partial(_page, "tenants.tenant", tenant_id=event.tenant_id)
    if known in _ONBOARDING:
        found["tenant"] = _page("onboarding.onboarding", onboarding_id=event.subject)
    else:
        found["tenant"] = tenant()
    if known in _TENANT:
        found["object"] = tenant()
    elif known in _PERSON:
        found["object"] = _page("tenants.tenant_people", tenant_id=event.tenant_id)
    elif known in _CLIENT:
        found["object"] = _page("clients.system", tenant_id=event.tenant_id, client_id=event.subject)
    elif known in _RUN:
        found["object"] = _page("allocation.allocation", run_id=event.subject) if current_scope() == OPERATOR else ""
    elif known in _ENTRY:
        found["object"] = _page("ledger_entries.entry", tenant_id=event.tenant_id, entry_id=event.subject)
    elif known in _COST:
        found["object"] = _page("costs.cost", item_id=event.subject)
    elif known in _ACCESS_REVIEW:
        found["object"] = _page("access_reviews.review", tenant_id=event.tenant_id, review_id=event.subject)
    elif known is Event.COST_POOL_DEFINED:
        found["object"] = _page("costs.costs")
    elif known is Event.COHORT_DEFINED:
        found["object"] = _page("cohorts.cohort", name=event.facts.get("name"))
    elif known is Event.COHORT_APPLIED:
        found["object"] = _page("cohorts.cohort", name=event.facts.get("cohort"))
    elif known in _SUBJECT_PAGES:
        endpoint, param = _SUBJECT_PAGES[known]
        found["object"] = _page(endpoint, **{param: event.subject})
    return {name: address for name, address in found.items() if address}


_SUBJECT_PAGES: Final[Mapping[Event | None, tuple[str, str]]] = {
    **dict.fromkeys(_RULE, ("rules.rule_version", "rule_version_id")),
    **dict.fromkeys(_QUOTA, ("quotas.quota_request", "request_id")),
    **dict.fromkeys(_APPROVAL, ("approvals.approval", "approval_id")),
    **dict.fromkeys(_WEBHOOK, ("webhooks.webhook", "webhook_id")),
    Event.AGREEMENT_PUBLISHED: ("agreements.agreement", "version_id"),
    Event.AGREEMENT_REMINDED: ("agreements.agreement", "version_id"),
    Event.NOTICE_ISSUED: ("notices.notice", "notice_id"),
    Event.PLAN_DEFINED: ("plans.plan", "plan_id"),
    **dict.fromkeys(_APPLICATION, ("applications.application", "application_id")),
    **dict.fromkeys(_ANNOUNCEMENT, ("announcements.announcement", "announcement_id")),
}
"""Events whose subject has a page of its own."""


def _page(endpoint: str, **values: Any) -> str:
    """The address of a page that the reader may open; empty for another."""
    permission = permission_of(current_app, endpoint)
    if permission is None or not current_actor().may(permission) or None in values.values():
        return ""
    return url_for(endpoint, **values)


def _markup(pieces: Iterable[Piece], links: Mapping[str, str]) -> Markup:
    parts = []
    for piece in pieces:
        href = links.get(piece.name)
        parts.append(Markup('<a href="{}">{}</a>').format(href, piece.text) if href else escape(piece.text))
    return Markup("").join(parts)


def _plain(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


# ---- names ----------------------------------------------------------------------------------------------------------


def _read_names(session: Session, events: Sequence[AuditEventFacts], language: Language) -> _Names:
    people = {event.actor for event in events} | {event.subject for event in events if event.event in _PERSON}
    people |= {str(event.facts[name]) for event in events for name in ("other", "successor") if name in event.facts}
    clients = {event.actor for event in events if event.actor_kind == ActorKind.CLIENT}
    clients |= {event.subject for event in events if event.event in _CLIENT}
    items = {event.subject for event in events if event.event in _COST}
    webhooks = {event.subject for event in events if event.event in _WEBHOOK}
    slugs: dict[str, Mapping[str, str]] = {}
    for names, read in _SLUGS:
        is_of_cohort = "cohort" in names and any(event.event == Event.COHORT_DEFINED for event in events)
        if is_of_cohort or any(name in event.facts for event in events for name in names):
            labels = read(session, language)
            slugs |= dict.fromkeys(names, labels)
    return _Names(
        language,
        people=names_of_people(session, people),
        clients=names_of_clients(session, clients) if clients else {},
        tenants=names_of_tenants(session, {event.tenant_id for event in events}),
        items=names_of_items(session, items) if items else {},
        webhooks=names_of_webhooks(session, webhooks) if webhooks else {},
        by_slug=slugs,
    )


def _pool_labels(session: Session, language: Language) -> dict[str, str]:
    return {pool.name: pool.label for pool in cost_pools(session)}


def _plan_labels(session: Session, language: Language) -> dict[str, str]:
    return {plan.name: plan.label for plan in plans(session, clock.today())}


def _cohort_labels(session: Session, language: Language) -> dict[str, str]:
    return {cohort.name: cohort.label for cohort in cohorts(session)}


def _dimension_labels(session: Session, language: Language) -> dict[str, str]:
    return {dimension.name: dimension_label(dimension) for dimension in dimensions(session)}


def _rule_labels(session: Session, language: Language) -> dict[str, str]:
    return labels_of_rules(session)


def _agreement_titles(session: Session, language: Language) -> dict[str, str]:
    return titles(session)


_SLUGS: Final[Sequence[tuple[tuple[str, ...], Callable[[Session, Language], dict[str, str]]]]] = (
    (("pool",), _pool_labels),
    (("plan",), _plan_labels),
    (("cohort",), _cohort_labels),
    (("dimension",), _dimension_labels),
    (("rule",), _rule_labels),
    (("agreement",), _agreement_titles),
)
"""Facts that hold a stored name → how the labels of all of these names are read."""


def init_audit_rows(app: Flask) -> None:
    """Make the rows known to every template."""
    app.jinja_env.globals.update(audit_rows=audit_rows)
