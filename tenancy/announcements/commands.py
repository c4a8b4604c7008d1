"""Commands of announcements: publish one to chosen tenants, withdraw it, confirm it for a tenant, remind of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message, not_found, require_found
from governance.kernel.field_types import Flag, Id, JstDate, PlainLine, PlainText, ReasonLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.permissions import Permission
from tenancy.announcements.models import AnnouncementFacts
from tenancy.announcements.queries import announcement as find_announcement
from tenancy.announcements.queries import has_confirmed, recipients, tenants_addressed
from tenancy.announcements.tables import (
    Announcement,
    AnnouncementConfirmation,
    AnnouncementRecipient,
    AnnouncementReminder,
)
from tenancy.people.queries import count_owners
from tenancy.reminders import ChosenTenants, Reminded, chosen_tenants, count_left_out, plan_reminders
from tenancy.tenants.cohorts import CohortName
from tenancy.tenants.commands import cohort_choices
from tenancy.tenants.facts import cohort as find_cohort
from tenancy.tenants.states import TenantKind, TenantState

LAST_DAY_OVER = message(
    "announcement.last_day_over",
    ja="掲載の最終日 {given} が過ぎています。きょう以降の日を指定してください。",
    en="The last day {given} is over; give today or a later day.",
)
NOT_BOTH = message(
    "announcement.not_both",
    ja="団体を選ぶときは、参加期、状態、種類を指定できません。",
    en="Choose tenants, or a cohort, a state and a kind, not both.",
)
NO_RECIPIENTS = message(
    "announcement.no_recipients",
    ja="あて先の団体がありません。",
    en="There is no tenant that it would go to.",
    hint_ja="団体、参加期、状態、種類の指定を確かめてください。",
    hint_en="Check the tenants, the cohort, the state and the kind.",
)
WITHDRAWN = message(
    "announcement.withdrawn",
    ja="このお知らせは取り下げられています。",
    en="This announcement has been withdrawn.",
)
NOTHING_TO_CONFIRM = message(
    "announcement.nothing_to_confirm",
    ja="このお知らせは確認を求めていません。",
    en="This announcement asks for no confirmation.",
)
CONFIRMED_ALREADY = message(
    "announcement.confirmed_already",
    ja="このお知らせは、団体としてすでに確認済みです。",
    en="This announcement was already confirmed for your organization.",
)

NOBODY_TO_REMIND = message(
    "announcement.nobody_to_remind",
    ja="催促できる団体がありません（{left_out}）。",
    en="There is no tenant to remind ({left_out}).",
    hint_ja="同じお知らせの催促は、1 団体に 1 日 1 回までです。",
    hint_en="A tenant is reminded of an announcement once a day at most.",
)

REMIND_OF_ANNOUNCEMENT: Final = "announcement.remind-owners"
"""The job that mails the owners of one tenant."""

MAX_TEXT: Final = 20_000

_ALL_CONFIRMED: Final = Label("確認していない団体がありません", "every tenant has confirmed")

_Text = Annotated[PlainText, StringConstraints(max_length=MAX_TEXT)]


class PublishAnnouncement(Command):
    """An announcement to chosen tenants, to those of a cohort, a state and a kind, or to all that take part."""

    title: Annotated[PlainLine, Input("題名", "Title")]
    text: Annotated[_Text, Input("本文", "Text")]
    shown_until: Annotated[
        JstDate, Input("掲載の最終日", "Last day", Label("この日まで掲載します", "Shown up to and including this day."))
    ]
    asks_confirmation: Annotated[
        Flag,
        Input(
            "確認の依頼",
            "Ask for confirmation",
            Label("各団体に「確認しました」を求めます", "Each tenant is asked to confirm that it read it."),
        ),
    ] = False
    tenant_ids: Annotated[
        tuple[Id, ...],
        Field(max_length=2000),
        SORTED_UNIQUE,
        Input(
            "あて先の団体",
            "Tenants",
            Label(
                "選ばないと、次の参加期・状態・種類の団体。どれも指定しないと、参加しているすべての団体",
                "Without any, those of the cohort, state and kind below; without these, all that take part.",
            ),
            option="tenant",
        ),
    ] = ()
    cohort: Annotated[
        CohortName | None,
        Input("あて先の参加期", "Cohort", choices=cohort_choices, empty=Label("すべて", "all")),
    ] = None
    state: Annotated[TenantState | None, Input("あて先の状態", "State", empty=Label("すべて", "all"))] = None
    kind: Annotated[TenantKind | None, Input("あて先の種類", "Kind", empty=Label("すべて", "all"))] = None

    @check("tenant_ids", "cohort", "state", "kind")
    @staticmethod
    def one_way_of_choosing(
        tenant_ids: tuple[UUID, ...], cohort: str | None, state: TenantState | None, kind: TenantKind | None
    ) -> None:
        """A chosen tenant is not left out again by its cohort, state or kind."""
        if tenant_ids and (cohort, state, kind) != (None, None, None):
            raise Invalid(NOT_BOTH, field="tenant_ids")


class AnnouncementPublished(Result):
    announcement_id: UUID
    recipients: int


class WithdrawAnnouncement(Command):
    """Take an announcement back: nobody it went to sees it any more."""

    announcement_id: Annotated[Id, Input("お知らせ", "Announcement")]
    reason: Annotated[ReasonLine, Input("理由", "Reason")]


class AnnouncementWithdrawn(Result):
    announcement_id: UUID


class RemindOfAnnouncement(Command):
    """Mail the owners of tenants that have not confirmed an announcement. Without `tenant_ids`, of all of them."""

    announcement_id: Annotated[Id, Input("お知らせ", "Announcement")]
    tenant_ids: Annotated[
        ChosenTenants,
        chosen_tenants(Label("選ばないと、確認していないすべての団体", "Without any, all that have not confirmed.")),
    ] = ()


class AnnouncementReminded(Reminded):
    """Whose owners get a mail, and who was left out and why."""


class ConfirmAnnouncement(Command):
    """A person of a tenant says that it read an announcement, once for the tenant."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    announcement_id: Annotated[Id, Input("お知らせ", "Announcement")]


class AnnouncementConfirmed(Result):
    announcement_id: UUID


@handles(Permission.ANNOUNCEMENT_PUBLISH, Event.ANNOUNCEMENT_PUBLISHED)
def publish_announcement(ctx: CommandContext, command: PublishAnnouncement) -> AnnouncementPublished:
    """Publish an announcement to the tenants that fit now; one that joins later does not get it.

    Raises Invalid for a last day that is over, NotFound for an unknown tenant or cohort, Conflict where nobody fits.
    """
    _refuse_past(command.shown_until, ctx.today)
    if command.cohort is not None:
        find_cohort(ctx.session, command.cohort)
    addressed = tenants_addressed(ctx.session, command.tenant_ids, command.cohort, command.state, command.kind)
    for tenant_id in set(command.tenant_ids) - {one.id for one in addressed}:
        raise not_found(what=Label("団体", "tenant"), given=tenant_id, field="tenant_ids")
    if not addressed:
        raise Conflict(NO_RECIPIENTS, field="tenant_ids")
    announcement = Announcement(
        id=new_id(),
        tenant_id=ctx.actor.tenant_id,
        title=command.title,
        text=command.text,
        asks_confirmation=command.asks_confirmation,
        shown_until=command.shown_until,
        published_by=ctx.actor.id,
        published_at=ctx.now,
    )
    ctx.session.add(announcement)
    ctx.session.flush()
    for one in addressed:
        ctx.session.add(
            AnnouncementRecipient(
                id=new_id(),
                tenant_id=one.id,
                operator_id=announcement.tenant_id,
                announcement_id=announcement.id,
            )
        )
    ctx.audit(subject=announcement.id, title=command.title, recipients=len(addressed))
    return AnnouncementPublished(announcement_id=announcement.id, recipients=len(addressed))


@handles(Permission.ANNOUNCEMENT_WITHDRAW, Event.ANNOUNCEMENT_WITHDRAWN, edits="announcement {announcement_id}")
def withdraw_announcement(ctx: CommandContext, command: WithdrawAnnouncement) -> AnnouncementWithdrawn:
    """Withdraw an announcement; who confirmed it stays on record. Raises NotFound, Conflict when it was done before."""
    announcement = _lock_announcement(ctx.session, command.announcement_id)
    if announcement.withdrawn_at is not None:
        raise Conflict(WITHDRAWN, field="announcement_id")
    announcement.withdrawn_at = ctx.now
    announcement.withdrawn_by = ctx.actor.id
    announcement.withdrawn_reason = command.reason
    ctx.audit(subject=announcement.id, title=announcement.title, reason=command.reason)
    return AnnouncementWithdrawn(announcement_id=announcement.id)


@handles(Permission.ANNOUNCEMENT_REMIND, Event.ANNOUNCEMENT_REMINDED)
def remind_of_announcement(ctx: CommandContext, command: RemindOfAnnouncement) -> AnnouncementReminded:
    """Remind the tenants that have not confirmed; a job for each mails its owners.

    A tenant that has confirmed, was reminded today, or has no owner is left out. Raises NotFound for an unknown
    announcement and a tenant that it did not go to, Conflict for one that asks for no confirmation or was withdrawn,
    and where all are left out.
    """
    advisory_lock(ctx.session, f"announcement.remind.{command.announcement_id}")
    found = find_announcement(ctx.session, command.announcement_id, ctx.today)
    _refuse_unconfirmable(found)
    asked = recipients(ctx.session, found.id)
    owners = count_owners(ctx.session, ctx.now)
    plan = plan_reminders(asked, command.tenant_ids, owners, ctx.today, done=has_confirmed)
    if not plan.reminded:
        raise Conflict(NOBODY_TO_REMIND, field="tenant_ids", left_out=count_left_out(plan.left_out, _ALL_CONFIRMED))
    for one in plan.reminded:
        ctx.session.add(
            AnnouncementReminder(
                id=new_id(),
                tenant_id=one.tenant_id,
                recipient_id=one.recipient_id,
                reminded_on=ctx.today,
                reminded_by=ctx.actor.id,
                reminded_at=ctx.now,
            )
        )
        payload = {"tenant_id": str(one.tenant_id), "announcement_id": str(found.id)}
        ctx.enqueue(REMIND_OF_ANNOUNCEMENT, payload, tenant_id=one.tenant_id)
        ctx.audit(subject=found.id, tenant_id=one.tenant_id, title=found.title)
    return AnnouncementReminded(reminded=tuple(one.tenant_id for one in plan.reminded), left_out=plan.left_out)


@handles(Permission.ANNOUNCEMENT_CONFIRM, Event.ANNOUNCEMENT_CONFIRMED)
def confirm_announcement(ctx: CommandContext, command: ConfirmAnnouncement) -> AnnouncementConfirmed:
    """Confirm an announcement for the tenant, also after its last day.

    Raises NotFound for one that did not go to the tenant, Conflict for one that asks for no confirmation, was
    withdrawn, or is confirmed already.
    """
    recipient = ctx.session.scalars(
        select(AnnouncementRecipient).where(
            AnnouncementRecipient.tenant_id == command.tenant_id,
            AnnouncementRecipient.announcement_id == command.announcement_id,
        )
    ).first()
    found = require_found(
        recipient, what=Label("お知らせ", "announcement"), given=command.announcement_id, field="announcement_id"
    )
    announcement = ctx.session.get_one(Announcement, found.announcement_id)
    _refuse_unconfirmable(announcement)
    advisory_lock(ctx.session, f"announcement.confirm.{found.id}")
    confirmed = select(AnnouncementConfirmation.id).where(AnnouncementConfirmation.recipient_id == found.id)
    if ctx.session.scalars(confirmed).first() is not None:
        raise Conflict(CONFIRMED_ALREADY, field="announcement_id")
    ctx.session.add(
        AnnouncementConfirmation(
            id=new_id(),
            tenant_id=found.tenant_id,
            recipient_id=found.id,
            confirmed_by=ctx.actor.id,
            confirmed_at=ctx.now,
        )
    )
    ctx.audit(subject=announcement.id, tenant_id=found.tenant_id, title=announcement.title)
    return AnnouncementConfirmed(announcement_id=announcement.id)


def _refuse_unconfirmable(found: Announcement | AnnouncementFacts) -> None:
    if found.withdrawn_at is not None:
        raise Conflict(WITHDRAWN, field="announcement_id")
    if not found.asks_confirmation:
        raise Conflict(NOTHING_TO_CONFIRM, field="announcement_id")


def _refuse_past(day: date, today: date) -> None:
    if day < today:
        raise Invalid(LAST_DAY_OVER, field="shown_until", given=day.isoformat())


def _lock_announcement(session: Session, announcement_id: UUID) -> Announcement:
    return require_found(
        session.get(Announcement, announcement_id, with_for_update=True),
        what=Label("お知らせ", "announcement"),
        given=announcement_id,
        field="announcement_id",
    )
