"""Entry points of the commands about announcements: API route, command line, form and confirm page of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import has_request_context, request, url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext, ngettext
from admin.interface.entry_points import ApiAddress, EntryPoint, Fact, FormContext, PageAddress, ReviewTable, api, cli
from admin.interface.formats import era_date, lines_of_text
from admin.interface.reminders import about_reminders
from admin.interface.tenant_pages import about_tenant
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.announcements.commands import (
    PublishAnnouncement,
    RemindOfAnnouncement,
    confirm_announcement,
    publish_announcement,
    remind_of_announcement,
    withdraw_announcement,
)
from tenancy.announcements.queries import announcement, has_confirmed, recipients, tenants_addressed
from tenancy.announcements.states import ConfirmationState
from tenancy.people.queries import count_owners
from tenancy.reminders import plan_reminders
from tenancy.tenants.models import TenantListItem
from tenancy.tenants.queries import TenantFilter, list_tenants

_MAX_OFFERED: Final = 200
"""Tenants that the form offers to choose from; with more, they are chosen by cohort and state, or from the list."""


def _named_tenants() -> list[str]:
    """The ids in the address, `?tenant_ids=` for each."""
    return [text for text in request.args.getlist("tenant_ids") if text] if has_request_context() else []


def _offered(session: Session) -> list[TenantListItem]:
    """The tenants that the address names, else the first by code."""
    every = list_tenants(session, TenantFilter(includes_operator=False))
    named = set(_named_tenants())
    return [one for one in every if str(one.id) in named] if named else every[:_MAX_OFFERED]


def _tenants_to_choose(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    return [(str(one.id), f"{one.name} ({one.state.label(language)})") for one in _offered(session)]


def _chosen_tenants(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    return {"tenant_ids": ",".join(_named_tenants())}


def _whom_it_reaches(session: Session, command: PublishAnnouncement, language: Language) -> FormContext:
    """The tenants that it goes to, each with its state."""
    addressed = tenants_addressed(session, command.tenant_ids, command.cohort, command.state, command.kind)
    number = ngettext("%(num)s tenant", "%(num)s tenants", len(addressed))
    table = ReviewTable(
        gettext("Tenants that it goes to"),
        [gettext("Tenant"), gettext("State")],
        [[one.name, one.state.label(language)] for one in addressed],
    )
    return FormContext([Fact(gettext("Goes to"), number)], tables=[table])


def _tenants_to_remind(session: Session, given: Mapping[str, Any], language: Language) -> Sequence[tuple[str, str]]:
    waits = recipients(session, given["announcement_id"], state=ConfirmationState.NOT_CONFIRMED)
    return [(str(one.tenant_id), one.name) for one in waits]


def _unconfirmed_tenants(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    """Those that the address names are chosen; all of them where it names none."""
    named = set(_named_tenants())
    offered = [value for value, _ in _tenants_to_remind(session, given, "ja")]
    return {"tenant_ids": ",".join([one for one in offered if one in named] or offered)}


def _who_is_reminded(session: Session, command: RemindOfAnnouncement, language: Language) -> FormContext:
    """Each tenant that gets a mail, with how many owners, and those left out with the reason."""
    asked = recipients(session, command.announcement_id)
    owners = count_owners(session, clock.now())
    plan = plan_reminders(asked, command.tenant_ids, owners, clock.today(), done=has_confirmed)
    return about_reminders(plan, owners, language)


def _about(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The announcement, and until when it is shown. Raises NotFound."""
    found = announcement(session, given["announcement_id"], clock.today())
    return FormContext(
        [
            Fact(gettext("Announcement"), found.title),
            Fact(gettext("Last day"), era_date(found.shown_until)),
            Fact(gettext("Text"), lines_of_text(found.text)),
        ]
    )


def _about_for_tenant(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant and the announcement. Raises NotFound for either."""
    found = about_tenant(session, given, language)
    return FormContext([*found.facts, *_about(session, given, language).facts])


def _to_list(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("お知らせ", "Announcements"), url_for("announcements.announcements")


def _to_one(given: Mapping[str, Any]) -> tuple[Label, str]:
    address = url_for("announcements.announcement", announcement_id=given["announcement_id"])
    return Label("お知らせ", "The announcement"), address


def _done(action: str) -> Any:
    return lambda command, result: url_for(
        "announcements.announcement", announcement_id=result.announcement_id, done=action
    )


ENTRY_POINTS: Final = (
    EntryPoint(
        publish_announcement,
        Label("お知らせを掲載する", "Publish an announcement"),
        Label("掲載する", "Publish"),
        api=api("POST /announcements"),
        cli=cli("announcement publish"),
        page=PageAddress(
            "/announcements/new",
            "announcement_publishing",
            then=_done("published"),
            back=_to_list,
            intro=Label(
                "選んだ団体の利用者が、ホームと「お知らせ」で読みます。",
                "People of the chosen tenants read it on their first page and under Announcements.",
            ),
            review_intro=Label(
                "あて先と本文を確かめてください。掲載したお知らせは変更できません（取り下げることはできます）。",
                "Check the text and whom it goes to. It cannot be changed later, only withdrawn.",
            ),
            choices={"tenant_ids": _tenants_to_choose},
            start=_chosen_tenants,
            consequences=_whom_it_reaches,
        ),
    ),
    EntryPoint(
        withdraw_announcement,
        Label("お知らせを取り下げる", "Withdraw an announcement"),
        Label("取り下げる", "Withdraw"),
        api=api("POST /announcements/<announcement>/withdrawal", announcement="announcement_id"),
        cli=cli("announcement withdraw", "announcement_id"),
        page=PageAddress(
            "/announcements/<uuid:announcement_id>/withdraw",
            "announcement_withdrawing",
            then=_done("withdrawn"),
            back=_to_one,
            review_intro=Label(
                "どの団体にも表示されなくなります。取下げは元に戻せません。",
                "No tenant sees it any more. This cannot be undone.",
            ),
            about=_about,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        remind_of_announcement,
        Label("お知らせの確認を催促する", "Remind tenants that have not confirmed an announcement"),
        Label("催促する", "Remind"),
        api=ApiAddress("POST", "/announcements/<announcement>/reminders", {"announcement": "announcement_id"}),
        cli=cli("announcement remind", "announcement_id"),
        page=PageAddress(
            "/announcements/<uuid:announcement_id>/remind",
            "announcement_reminding",
            then=lambda command, result: url_for(
                "announcements.announcement",
                announcement_id=command.announcement_id,
                reminded=len(result.reminded),
                left_out=len(result.left_out),
            ),
            back=_to_one,
            intro=Label(
                "確認していない団体の団体管理者に、メールで知らせます。1 団体に 1 日 1 回までです。",
                "The owners of tenants that have not confirmed get an email, once a day at most.",
            ),
            review_intro=Label(
                "送り先を確かめてください。送ったメールは取り消せません。",
                "Check who gets the email; it cannot be taken back.",
            ),
            about=_about,
            choices={"tenant_ids": _tenants_to_remind},
            start=_unconfirmed_tenants,
            consequences=_who_is_reminded,
        ),
    ),
    EntryPoint(
        confirm_announcement,
        Label("お知らせを確認する", "Confirm an announcement for a tenant"),
        Label("確認しました", "We have read it"),
        api=api(
            "POST /tenants/<tenant>/announcements/<announcement>/confirmation",
            tenant="tenant_id",
            announcement="announcement_id",
        ),
        cli=cli("announcement confirm", "tenant_id", "announcement_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/announcements/<uuid:announcement_id>/confirm",
            "announcement_confirming",
            then=_done("confirmed"),
            back=_to_one,
            intro=Label(
                "団体として 1 回、確認を記録します。だれがいつ確認したかが県に伝わります。",
                "Recorded once for your organization; the operator sees who confirmed it and when.",
            ),
            about=_about_for_tenant,
            is_reviewed=False,
        ),
    ),
)
