"""Entry points of the emergency role: API route, command line and form of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import plain_time
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.people import queries
from tenancy.people.break_glass import break_glass_hour, close_break_glass, start_break_glass


def _person(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Who is to get the emergency role. Raises NotFound."""
    found = queries.member(session, given["tenant_id"], given["member_id"], clock.now())
    return FormContext([Fact(gettext("Who gets it"), f"{found.family_name} {found.given_name} {found.email}")])


def _hour(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whose hour ends, and why it began. Raises NotFound."""
    hour = break_glass_hour(session, given["hour_id"])
    found = queries.member(session, hour.tenant_id, hour.member_id, clock.now())
    return FormContext(
        [
            Fact(gettext("Who gets it"), f"{found.family_name} {found.given_name}"),
            Fact(gettext("Reason"), hour.reason),
            Fact(gettext("Lasts until"), plain_time(hour.ends_at)),
        ]
    )


def _to_list(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("緊急時の操作", "Emergency role"), url_for("break_glass.break_glass")


ENTRY_POINTS: Final = (
    EntryPoint(
        start_break_glass,
        Label("緊急時の操作を任せる", "Give the emergency role"),
        Label("任せる", "Give it"),
        api=api("POST /tenants/<tenant>/members/<member>/break-glass-hours", tenant="tenant_id", member="member_id"),
        cli=cli("break-glass start", "tenant_id", "member_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/people/<uuid:member_id>/break-glass",
            "break_glass_opening",
            then=lambda command, result: url_for("break_glass.break_glass", done="opened"),
            back=_to_list,
            intro=Label(
                "県の利用者1人に、承認されたときから1時間だけ、緊急時の操作を任せます。"
                "すべてを閲覧し、だれの利用でも停止し、止まった手続の扱いを決められます。"
                "本人は、もう一度ログインすると使えます。始まりと、行ったことのすべてが、"
                "セキュリティ担当、承認者、監査担当に知らされます。",
                "Gives one of the operator's people the emergency role for one hour from the approval: to read "
                "everything, to stop anybody, and to decide what an onboarding waits for. It counts from the next "
                "login. Security, approvers and auditors are told when it begins, and all that was done.",
            ),
            about=_person,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        close_break_glass,
        Label("緊急時の操作を終える", "End the emergency role"),
        Label("終える", "End it"),
        api=api("POST /break-glass-hours/<hour>/ending", hour="hour_id"),
        cli=cli("break-glass close", "hour_id"),
        page=PageAddress(
            "/break-glass/<uuid:hour_id>/end",
            "break_glass_closing",
            then=lambda command, result: url_for("break_glass.break_glass", done="closed"),
            back=_to_list,
            about=_hour,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
