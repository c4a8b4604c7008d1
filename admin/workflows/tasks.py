"""対応待ち: everything that waits for somebody, as rows that each name the action which ends them.

One query for the first page, the page 対応待ち, the API and the command line; the header counts the same
(`admin.workflows.waiting`). A row is there for whoever may do what ends it, and under 待っている for whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from admin.workflows.waiting import (
    DECIDED_BY,
    ENTERED_WITH,
    ApprovalKind,
    TaskKind,
    TaskSection,
    Waiting,
    decidable_kinds,
    section_of,
)
from billing.runs.states import run_name
from governance.actors import COMMAND_LINE_PREFIX, Actor
from governance.approvals import ApprovalRequestFacts, awaited_requests, pending_requests_for
from governance.kernel.field_types import JST_DATE
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import NAMED_TENANTS
from governance.permissions import DECIDABLE_BY, ROLE_PERMISSIONS, TENANT_ROLES, Permission, Role
from governance.webhooks.states import DeliveryProblem
from tenancy.clients.last_days import OF_SECRET
from tenancy.onboarding.steps import OnboardingKind, StepName
from tenancy.people.identity_providers.states import CheckProblem
from tenancy.people.queries import names_of_people
from tenancy.tenants.queries import names_of_tenants
from tenancy.tenants.states import TenantState

SHOWN: Final = 50
"""How many requests for approval a page lists; the count says how many there are."""

_P = Permission
_EMPTY: Final = Label("", "")

_REQUESTED_BY: Final = {ApprovalKind.ALLOCATION: _P.ALLOCATION_PREPARE, ApprovalKind.QUOTA: _P.QUOTA_REQUEST}
"""Kind of request that no command of its name makes → the permission to make it."""


class Task(ReadModel):
    """One row: what waits (`text`), about whom, since when or due when, and the action that ends it.

    `number` is how many things it stands for: eight applicants are one row. `address` is the action's page in the
    console and `verb` its words; both are empty where somebody else does it, whom `waits_for` names. Texts are
    Japanese, those in `…_en` English.
    """

    key: str
    section: TaskSection
    kind: TaskKind
    number: int
    text: str
    text_en: str
    about: str = ""
    about_en: str = ""
    note: str = ""
    note_en: str = ""
    since: datetime | None = None
    due_on: date | None = None
    waits_for: str = ""
    waits_for_en: str = ""
    verb: str = ""
    verb_en: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class RequestableCommand:
    """A command that a request for approval may hold: what people call it, and who may request it."""

    label: Label
    permission: Permission


Requestable = Mapping[str, RequestableCommand]
"""Commands by name."""


def tasks(
    session: Session,
    actor: Actor,
    now: datetime,
    found: Sequence[Waiting],
    commands: Requestable,
    *,
    limit: int = SHOWN,
) -> list[Task]:
    """Every row for this actor, section by section, the oldest first in each; at most `limit` requests for approval.

    `found` is what `waiting` returned just before; `commands` are those whose requests the actor may meet.
    """
    kinds = decidable_kinds(actor)
    has_requests = any(one.kind is TaskKind.APPROVAL for one in found)
    decidable = pending_requests_for(session, actor, kinds, limit=limit) if has_requests else []
    awaited = awaited_requests(session, actor, kinds, commands=_requestable(actor, commands), limit=limit)
    people = names_of_people(session, {one.requested_by for one in decidable})
    named = {one.tenant_id for one in (*decidable, *awaited)}.union(*(one.tenant_ids for one in found))
    names = names_of_tenants(session, named)
    reader = _Reader(actor, now, commands, names, people)
    rows = [reader.decidable(one) for one in decidable]
    rows += [row for one in found if (row := reader.row(one)) is not None]
    rows += [reader.awaited(one) for one in awaited]
    order = {section: place for place, section in enumerate(TaskSection)}
    return sorted(rows, key=lambda row: (order[row.section], row.since is None, row.since or now, row.key))


def _requestable(actor: Actor, commands: Requestable) -> list[str]:
    """The commands, and kinds of requests, that this actor may request: a colleague's concern them, too."""
    kinds = [kind.value for kind, permission in _REQUESTED_BY.items() if actor.may(permission)]
    return kinds + [name for name, command in commands.items() if actor.may(command.permission)]


@dataclass(frozen=True, slots=True)
class _Action:
    """What ends a row: its words, and its page."""

    verb: Label
    address: str


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the rows of one actor. `names` are tenants' names, `people` those of the requesters, as the scope shows."""

    actor: Actor
    now: datetime
    commands: Requestable
    names: Mapping[UUID, str]
    people: Mapping[str, str]

    def decidable(self, one: ApprovalRequestFacts) -> Task:
        """A request that the actor may decide."""
        requester = self._requester(one.requested_by)
        reason = f": {one.request_reason}" if one.request_reason else ""
        return self._request(
            one,
            TaskKind.APPROVAL,
            TaskSection.DECIDE,
            Label(f"申請: {requester.ja}{reason}", f"requested by {requester.en}{reason}"),
            _EMPTY,
            Label("確認して決める", "Review and decide"),
        )

    def awaited(self, one: ApprovalRequestFacts) -> Task:
        """A request of the actor, or of a colleague, that somebody else decides."""
        return self._request(
            one, TaskKind.REQUEST, TaskSection.WAIT, _EMPTY, _deciders(one), Label("申請を見る", "View the request")
        )

    def row(self, one: Waiting) -> Task | None:
        """The row of what waits; None where it is not the actor's, and for requests, which have rows of their own."""
        section = section_of(one, self.actor, self.now)
        if section is None or one.kind is TaskKind.APPROVAL:
            return None
        text, waits_for, action = _TEXTS[one.kind](one, section, self.actor)
        about = self._about(one)
        return Task(
            key=":".join([one.kind.value, *map(str, _identity(one))]),
            section=section,
            kind=one.kind,
            number=one.number,
            text=text.ja,
            text_en=text.en,
            about=about.ja,
            about_en=about.en,
            since=one.since,
            due_on=_due_on(one),
            waits_for=waits_for.ja,
            waits_for_en=waits_for.en,
            verb=action.verb.ja,
            verb_en=action.verb.en,
            address=action.address,
        )

    def _request(
        self,
        one: ApprovalRequestFacts,
        kind: TaskKind,
        section: TaskSection,
        note: Label,
        waits_for: Label,
        verb: Label,
    ) -> Task:
        text = _title(one, self.commands)
        permission, address = _page_of_request(one)
        if not self.actor.may(permission):
            verb, address = _EMPTY, ""
        name = self.names.get(one.tenant_id, "")
        return Task(
            key=f"{kind.value}:{one.id}",
            section=section,
            kind=kind,
            number=1,
            text=text.ja,
            text_en=text.en,
            about=name,
            about_en=name,
            note=note.ja,
            note_en=note.en,
            since=one.requested_at,
            waits_for=waits_for.ja,
            waits_for_en=waits_for.en,
            verb=verb.ja,
            verb_en=verb.en,
            address=address,
        )

    def _requester(self, account: str) -> Label:
        """Who asked, for people. A tenant does not see the names of the operator's."""
        if account.startswith("system:"):
            return Label("自動処理", "automatic")
        if account.startswith(COMMAND_LINE_PREFIX):
            return Label(account, account)
        name = self.people.get(account)
        return Label("県の担当者", "the operator's staff") if name is None else Label(name, name)

    def _about(self, one: Waiting) -> Label:
        """The tenants it is about, by name: the first three, and how many more."""
        names = [self.names[tenant_id] for tenant_id in dict.fromkeys(one.tenant_ids) if tenant_id in self.names]
        total = one.facts.get("tenants", one.facts.get("missing", one.number))
        more = total - len(names) if len(names) == NAMED_TENANTS and one.kind not in _OF_PEOPLE else 0
        ja, en = "、".join(names), ", ".join(names)
        return Label(f"{ja} ほか{more}団体", f"{en} and {more} more") if more > 0 else Label(ja, en)


_OF_PEOPLE: Final = frozenset({TaskKind.INVITATIONS, TaskKind.REFUSED_PEOPLE, TaskKind.DORMANT, TaskKind.CONSENT})
"""Kinds whose number counts people, not tenants."""


def _identity(one: Waiting) -> list[Any]:
    """What tells the rows of one kind apart."""
    if one.kind is TaskKind.STEP:
        return [one.facts["step"], "failed" if one.facts["has_failed"] else "input"]
    return [
        one.facts[name]
        for name in (
            "ending",
            "run",
            "version",
            "announcement",
            "review",
            "as_of",
            "webhook",
            "name",
            "fiscal_year",
            "tenant",
        )
        if name in one.facts
    ][:1]


def _due_on(one: Waiting) -> date | None:
    if one.kind is TaskKind.YEAR:
        return FiscalYear(one.facts["fiscal_year"]).closes_on
    due_on = one.facts.get("effective_from") or one.facts.get("shown_until") or one.facts.get("last_day")
    due_on = due_on or one.facts.get("due_on")
    return None if due_on is None else date.fromisoformat(due_on)


def _title(one: ApprovalRequestFacts, commands: Requestable) -> Label:
    """What a request is about, in the words of the command it holds."""
    if one.kind in set(ApprovalKind):
        kind = ApprovalKind(one.kind)
        return Label(kind.ja, kind.en)
    known = commands.get(one.command or "")
    return Label(one.kind, one.kind) if known is None else known.label


def _page_of_request(one: ApprovalRequestFacts) -> tuple[Permission, str]:
    """Where a request is read and decided, and the permission to read it."""
    if one.kind == ApprovalKind.ALLOCATION:
        return _P.ALLOCATION_READ, f"/allocations/{one.subject_id}"
    if one.kind == ApprovalKind.QUOTA:
        return _P.QUOTA_READ, f"/quota-requests/{one.subject_id}"
    return _P.APPROVAL_READ, f"/approvals/{one.id}"


def _deciders(one: ApprovalRequestFacts) -> Label:
    """The roles that decide a request."""
    if one.second_person is not None:
        return _roles(role for role, kinds in DECIDABLE_BY.items() if one.second_person in kinds)
    permission = DECIDED_BY.get(ApprovalKind(one.kind)) if one.kind in set(ApprovalKind) else None
    return _EMPTY if permission is None else holders(permission)


def holders(permission: Permission, *, of_operator: bool = True) -> Label:
    """The roles that hold the permission: the operator's, or a municipality's."""
    return _roles(
        role
        for role, held in ROLE_PERMISSIONS.items()
        if permission in held
        and (role in TENANT_ROLES) is not of_operator
        and role not in (Role.SYSTEM, Role.BREAK_GLASS)
    )


def _roles(roles: Iterable[Role]) -> Label:
    ordered = sorted(roles)
    return Label("、".join(role.ja for role in ordered), ", ".join(role.en for role in ordered))


RowText = tuple[Label, Label, _Action]
"""What a row says, whom it waits for, and what ends it."""
RowMaker = Callable[[Waiting, TaskSection, Actor], RowText]


def _of_state(state: TenantState, ja: str, en: str, verb: Label) -> RowMaker:
    def row(one: Waiting, *_: Any) -> RowText:
        is_one = one.number == 1 and one.tenant_ids
        address = f"/tenants/{one.tenant_ids[0]}/state" if is_one else f"/tenants?state={state.value}"
        return Label(f"{ja} {one.number:,}団体", f"{en}: {one.number:,}"), _EMPTY, _Action(verb, address)

    return row


def _applications(one: Waiting, *_: Any) -> RowText:
    text = Label(f"審査を待っている利用申請 {one.number:,}件", f"Applications to screen: {one.number:,}")
    return text, _EMPTY, _Action(Label("審査する", "Screen them"), "/applications")


def _approved_applications(one: Waiting, *_: Any) -> RowText:
    text = Label(
        f"承認し、参加手続を始めていない利用申請 {one.number:,}件",
        f"Approved applications whose onboarding has not begun: {one.number:,}",
    )
    return text, _EMPTY, _Action(Label("参加手続を始める", "Start onboarding"), "/applications?state=approved")


def _agreed(one: Waiting, *_: Any) -> RowText:
    is_one = one.number == 1 and one.tenant_ids
    address = f"/tenants/{one.tenant_ids[0]}/onboarding" if is_one else "/tenants?state=agreed"
    text = Label(f"合意済みで手続を始めていない団体 {one.number:,}団体", f"Agreed, not onboarded yet: {one.number:,}")
    return text, _EMPTY, _Action(Label("参加手続を始める", "Start onboarding"), address)


def _plan(one: Waiting, *_: Any) -> RowText:
    label, number = one.facts["label"], one.facts["tenants"]
    text = Label(f"{label}: 計画ができます（{number:,}団体）", f"{label}: ready to be onboarded ({number:,})")
    return text, _EMPTY, _Action(Label("計画を確かめて始める", "Review the plan"), f"/cohorts/{one.facts['name']}/plan")


def _year_and_run(one: Waiting) -> Label:
    year, name = one.facts["fiscal_year"], run_name(one.facts["revision"])
    return Label(f"{FiscalYear(year).shown} {name.ja}", f"FY{year}, {name.en}")


def _notices(one: Waiting, *_: Any) -> RowText:
    run, number = _year_and_run(one), one.facts["notices"]
    text = Label(f"{run.ja}の負担額を通知していません（{number:,}通）", f"{run.en}: {number:,} notices not issued")
    return text, _EMPTY, _Action(Label("通知を出す", "Issue the notices"), f"/allocations/{one.facts['run']}/notices")


def _draft_run(one: Waiting, *_: Any) -> RowText:
    run = _year_and_run(one)
    text = Label(f"{run.ja}の負担額の案ができています（下書き）", f"{run.en} is a draft to be submitted")
    return text, _EMPTY, _Action(Label("確認して提出する", "Review and submit"), f"/allocations/{one.facts['run']}")


def _returned_run(one: Waiting, *_: Any) -> RowText:
    run = _year_and_run(one)
    text = Label(f"{run.ja}の按分が差し戻されました", f"{run.en} was sent back")
    return text, _EMPTY, _Action(Label("理由を確かめて作り直す", "See why"), f"/allocations/{one.facts['run']}")


_STEP_VERBS: Final = {
    StepName.FIRST_OWNER: (Label("団体管理者を登録する", "Add an owner"), "/tenants/{tenant}/people/new"),
    StepName.SERVICE_CLIENT: (Label("連携システムを登録する", "Register a client"), "/tenants/{tenant}/clients/new"),
    StepName.QUOTAS: (Label("利用プランを選ぶ", "Assign a plan"), "/tenants/{tenant}/plan"),
    StepName.AGREEMENT: (Label("同意を記録する", "Record the acceptance"), "/tenants/{tenant}/documents"),
}
_STEP_TEXTS: Final = {
    StepName.FIRST_OWNER: Label("団体管理者の登録", "the first owner"),
    StepName.SERVICE_CLIENT: Label("連携システムの登録", "a service client"),
    StepName.QUOTAS: Label("利用プランの選択", "a plan"),
    StepName.AGREEMENT: Label("協定への同意", "the acceptance of the agreement"),
}


def _step(one: Waiting, section: TaskSection, _: Actor) -> RowText:
    step = StepName(one.facts["step"])
    onboarding = one.facts["onboarding"]
    listed = f"/onboardings/{onboarding}" if onboarding else f"/onboardings?step={step.value}"
    if one.facts["has_failed"]:
        text = Label(
            f"手順「{step.ja}」が止まっています（{one.number:,}団体）", f"Blocked at {step.en}: {one.number:,}"
        )
        if one.facts["kind"] == OnboardingKind.SYNC:
            text = Label(
                f"「{step.ja}」の反映が止まっています（{one.number:,}団体）",
                f"Update blocked at {step.en}: {one.number:,}",
            )
        waits_for = _EMPTY if section is not TaskSection.WAIT else holders(_P.ONBOARDING_DECIDE)
        return text, waits_for, _Action(Label("扱いを決める", "Decide what to do"), listed)
    missing, (verb, address) = _STEP_TEXTS[step], _STEP_VERBS[step]
    text = Label(f"{missing.ja}を待っています（{one.number:,}団体）", f"Waiting for {missing.en}: {one.number:,}")
    if section is TaskSection.WAIT:
        waits_for = holders(ENTERED_WITH[step])
        return text, waits_for, _Action(Label("状況を見る", "View the progress"), listed)
    is_one = one.number == 1 and one.tenant_ids
    return text, _EMPTY, _Action(verb, address.format(tenant=one.tenant_ids[0]) if is_one else listed)


def _people_page(one: Waiting) -> str:
    """The people of the tenant that waits longest; the next one is there once they are seen to."""
    return f"/tenants/{one.tenant_ids[0]}/people"


def _refused(one: Waiting, *_: Any) -> RowText:
    text = Label(
        f"認証サービスに登録できない利用者 {one.number:,}人", f"Not created in the identity server: {one.number:,}"
    )
    return text, _EMPTY, _Action(Label("扱いを決める", "Decide what to do"), _people_page(one))


def _invitations(one: Waiting, *_: Any) -> RowText:
    text = Label(
        f"パスワードを設定しないまま期限が切れた利用者 {one.number:,}人", f"Invitations that ran out: {one.number:,}"
    )
    return text, _EMPTY, _Action(Label("利用者を確かめる", "See who they are"), _people_page(one))


def _dormant(one: Waiting, *_: Any) -> RowText:
    text = Label(f"90日以上ログインしていない利用者 {one.number:,}人", f"Not signed in for 90 days: {one.number:,}")
    action = _Action(
        Label("続けて使うか確かめる", "See whether they still need it"), f"{_people_page(one)}?sign_in=dormant"
    )
    return text, _EMPTY, action


def _agreement(one: Waiting, _: TaskSection, actor: Actor) -> RowText:
    title, number = one.facts["title"], one.facts["number"]
    text = Label(f"「{title}」第{number}版に同意していません", f"{title} version {number} is not accepted")
    address = f"/tenants/{actor.tenant_id}/agreements/{one.facts['version']}"
    return text, _EMPTY, _Action(Label("読んで同意する", "Read and accept it"), address)


def _acceptances(one: Waiting, *_: Any) -> RowText:
    facts = one.facts
    accepted = facts["total"] - facts["missing"]
    text = Label(
        f"「{facts['title']}」第{facts['number']}版への同意 {accepted:,}／{facts['total']:,}団体",
        f"{facts['title']} version {facts['number']}: accepted by {accepted:,} of {facts['total']:,}",
    )
    waits_for = holders(_P.AGREEMENT_ACCEPT, of_operator=False)
    counted = Label(f"{waits_for.ja}（{facts['missing']:,}団体）", f"{waits_for.en} ({facts['missing']:,})")
    listed = f"/agreements/{facts['version']}/acceptances?state=not-accepted"
    return text, counted, _Action(Label("同意の状況を見る", "See who accepted it"), listed)


def _announcement(one: Waiting, *_: Any) -> RowText:
    title = one.facts["title"]
    text = Label(f"お知らせ「{title}」を確認していません", f"The announcement {title} is not confirmed")
    address = f"/announcements/{one.facts['announcement']}"
    return text, _EMPTY, _Action(Label("読んで確認する", "Read and confirm it"), address)


def _confirmations(one: Waiting, *_: Any) -> RowText:
    facts = one.facts
    confirmed = facts["total"] - facts["missing"]
    text = Label(
        f"お知らせ「{facts['title']}」の確認 {confirmed:,}／{facts['total']:,}団体",
        f"Announcement {facts['title']}: confirmed by {confirmed:,} of {facts['total']:,}",
    )
    waits_for = holders(_P.ANNOUNCEMENT_CONFIRM, of_operator=False)
    counted = Label(f"{waits_for.ja}（{facts['missing']:,}団体）", f"{waits_for.en} ({facts['missing']:,})")
    address = f"/announcements/{facts['announcement']}?state=not-confirmed"
    return text, counted, _Action(Label("確認の状況を見る", "See who confirmed it"), address)


def _access_review(one: Waiting, section: TaskSection, actor: Actor) -> RowText:
    facts = one.facts
    as_of = JST_DATE.show(date.fromisoformat(facts["as_of"]), "ja"), facts["as_of"]
    text = Label(
        f"権限の棚卸し（{as_of[0]} 現在） 判断済み {facts['decided']:,}／{facts['lines']:,}",
        f"Access review as of {as_of[1]}: {facts['decided']:,} of {facts['lines']:,} decided",
    )
    address = f"/tenants/{actor.tenant_id}/access-reviews/{facts['review']}"
    if section is TaskSection.DECIDE:
        return text, _EMPTY, _Action(Label("確かめて署名する", "Check and sign it"), address)
    if section is TaskSection.WAIT:
        return text, holders(_P.ACCESS_REVIEW_SIGN, of_operator=False), _Action(Label("見る", "View it"), address)
    return text, _EMPTY, _Action(Label("1行ずつ判断する", "Decide the lines"), f"{address}?only=undecided")


def _signatures(one: Waiting, *_: Any) -> RowText:
    facts = one.facts
    signed = facts["total"] - facts["missing"]
    text = Label(
        f"権限の棚卸し（{JST_DATE.show(date.fromisoformat(facts['as_of']), 'ja')} 現在）の署名 "
        f"{signed:,}／{facts['total']:,}団体",
        f"Access reviews as of {facts['as_of']}: signed by {signed:,} of {facts['total']:,}",
    )
    waits_for = holders(_P.ACCESS_REVIEW_SIGN, of_operator=False)
    counted = Label(f"{waits_for.ja}（{facts['missing']:,}団体）", f"{waits_for.en} ({facts['missing']:,})")
    return text, counted, _Action(Label("進み具合を見る", "See the progress"), "/access-reviews?state=open")


def _webhook(one: Waiting, *_: Any) -> RowText:
    problem = DeliveryProblem(one.facts["problem"])
    text = Label(
        f"監査記録が送信先「{one.facts['name']}」に届いていません（{problem.ja}）",
        f"Events do not get through to {one.facts['name']}: {problem.en}",
    )
    address = f"/webhooks/{one.facts['webhook']}"
    return text, _EMPTY, _Action(Label("原因を確かめて直す", "See why and mend it"), address)


def _drift(one: Waiting, *_: Any) -> RowText:
    text = Label(
        f"認証サービスとの差分が{one.number:,}件あります", f"Differences with the identity server: {one.number:,}"
    )
    address = f"/drift/checks/{one.facts['check']}"
    return text, _EMPTY, _Action(Label("差分を確かめて直す", "Look at them and mend them"), address)


def _last_day(one: Waiting, _: TaskSection, actor: Actor) -> RowText:
    name, page = one.facts["name"], f"/tenants/{one.tenant_ids[0]}/clients/{one.facts['client']}"
    if one.facts["kid"].startswith(OF_SECRET):
        number = one.facts["kid"].removeprefix(OF_SECRET)
        text = Label(
            f"連携システム「{name}」のシークレット（番号 {number}）の最終日が近づいています",
            f"Secret {number} of the service client {name} ends",
        )
        return text, _EMPTY, _Action(Label("シークレットを切り替える", "Change the secret"), f"{page}/documents")
    if one.facts["kid"]:
        text = Label(f"連携システム「{name}」の鍵の最終日が近づいています", f"A key of the service client {name} ends")
        return text, _EMPTY, _Action(Label("切替えを確かめる", "See that it was changed"), f"{page}/documents")
    text = Label(f"連携システム「{name}」の最終日が近づいています", f"The service client {name} ends")
    if actor.is_operator:
        # Another is registered in its place, which a second person approves.
        return text, _EMPTY, _Action(Label("連携システムを確かめる", "See the service client"), page)
    return text, _EMPTY, _Action(Label("最終日を変える", "Change the last day"), f"{page}/last-day")


def _consent(one: Waiting, section: TaskSection, _: Actor) -> RowText:
    action = _Action(Label("利用者を見る", "See the people"), f"/tenants/{one.facts['tenant']}/people?state=invited")
    if section is TaskSection.MEND:
        text = Label(f"辞退した人の招待が残っています（{one.number:,}人）", f"{one.number:,} people declined to join")
        return text, _EMPTY, replace(action, verb=Label("招待を取り消す", "Cancel the invitation"))
    text = Label(f"本人の承諾待ちの利用者（{one.number:,}人）", f"{one.number:,} people have not consented yet")
    return text, Label("本人", "the person"), action


def _identity_provider(one: Waiting, *_: Any) -> RowText:
    problem = one.facts["problem"]
    text = Label("IdP の署名の証明書の期限が近づいています", "The identity provider's signing certificate ends soon")
    if problem is not None:
        found = CheckProblem(problem)
        text = Label(f"IdP の接続に問題があります（{found.ja}）", f"Problem with the identity provider: {found.en}")
    address = f"/tenants/{one.facts['tenant']}/identity-provider"
    return text, _EMPTY, _Action(Label("IdP 連携を確かめる", "See the identity provider"), address)


def _year(one: Waiting, *_: Any) -> RowText:
    year, number = one.facts["fiscal_year"], one.facts["books"]
    text = Label(
        f"{FiscalYear(year).shown}が締まっていません（{number:,}団体分）", f"FY{year} is not closed ({number:,} books)"
    )
    return text, _EMPTY, _Action(Label("年度を締め切る", "Close the year"), f"/ledger?fiscal_year={year}")


_TEXTS: Final[dict[TaskKind, RowMaker]] = {
    TaskKind.APPLICATIONS: _applications,
    TaskKind.APPROVED_APPLICATIONS: _approved_applications,
    TaskKind.APPLICANTS: _of_state(
        TenantState.APPLIED, "申請中の団体", "Applicants", Label("審査中にする", "Start screening")
    ),
    TaskKind.SCREENING: _of_state(
        TenantState.SCREENING, "審査中の団体", "Being screened", Label("審査の結果を入れる", "Enter the outcome")
    ),
    TaskKind.AGREED: _agreed,
    TaskKind.PLAN: _plan,
    TaskKind.NOTICES: _notices,
    TaskKind.DRAFT_RUN: _draft_run,
    TaskKind.RETURNED_RUN: _returned_run,
    TaskKind.STEP: _step,
    TaskKind.REFUSED_PEOPLE: _refused,
    TaskKind.INVITATIONS: _invitations,
    TaskKind.DORMANT: _dormant,
    TaskKind.CONSENT: _consent,
    TaskKind.AGREEMENT: _agreement,
    TaskKind.ACCEPTANCES: _acceptances,
    TaskKind.ANNOUNCEMENT: _announcement,
    TaskKind.CONFIRMATIONS: _confirmations,
    TaskKind.ACCESS_REVIEW: _access_review,
    TaskKind.SIGNATURES: _signatures,
    TaskKind.WEBHOOK: _webhook,
    TaskKind.DRIFT: _drift,
    TaskKind.LAST_DAY: _last_day,
    TaskKind.IDENTITY_PROVIDER: _identity_provider,
    TaskKind.YEAR: _year,
}
