"""Entry points of the commands about webhooks. A secret is shown by a page of its own, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import jst_time
from admin.interface.tenant_pages import about_tenant
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from governance.webhooks.commands import (
    change_webhook_address,
    change_webhook_state,
    create_webhook,
    issue_webhook_secret,
    resend_webhook,
)
from governance.webhooks.queries import MAX_COUNTED, WebhookFacts, webhook_by_id
from governance.webhooks.states import WebhookState


def about_webhook(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which webhook it is. Raises NotFound."""
    found = webhook_by_id(session, given["webhook_id"])
    warnings = [gettext("This webhook has ended.")] if found.state is WebhookState.ENDED else []
    return FormContext(
        [
            Fact(gettext("Name"), found.name),
            Fact(gettext("Address"), found.url),
            Fact(gettext("State"), found.state.label(language)),
            Fact(gettext("Events waiting"), waiting_text(found)),
        ],
        warnings,
    )


def waiting_text(found: WebhookFacts) -> str:
    """How many events wait, as people read it: no further than they were counted."""
    number = f"{found.waiting:,}"
    return gettext("%(number)s or more", number=number) if found.waiting >= MAX_COUNTED else number


def _about_resend(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """As `about_webhook`, with the time of the last delivery."""
    found = about_webhook(session, given, language)
    last = webhook_by_id(session, given["webhook_id"]).last_success_at
    return FormContext([*found.facts, Fact(gettext("Last delivery"), jst_time(last) if last else "―")], found.warnings)


def _to_webhooks(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("監査記録の送信先", "Webhooks"), url_for("webhooks.webhooks")


def _to_webhook(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("送信先", "Webhook"), url_for("webhooks.webhook", webhook_id=given["webhook_id"])


def _done(action: str) -> Any:
    return lambda command, result: url_for("webhooks.webhook", webhook_id=command.webhook_id, done=action)


ENTRY_POINTS: Final = (
    EntryPoint(
        create_webhook,
        Label("監査記録の送信先を登録する", "Create a webhook"),
        Label("登録する", "Create"),
        api=api("POST /tenants/<tenant>/webhooks", tenant="tenant_id"),
        cli=cli("webhook create", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/webhooks/new",
            "webhook_creating",
            then=lambda command, result: url_for("webhooks.webhook", webhook_id=result.webhook_id),
            back=_to_webhooks,
            intro=Label(
                "これから封印される監査記録を、署名を付けて送ります。運営者の場合は全団体の記録、市町村の場合はその団体の記録です。",
                "What is sealed in the audit log from now on is sent there, signed: for the operator every tenant's "
                "events, for a municipality its own.",
            ),
            review_intro=Label(
                "監査記録が Moyai の外に出ます。受信側の名前を確かめてください。",
                "Events leave Moyai. Check the receiver's name.",
            ),
            about=about_tenant,
        ),
    ),
    EntryPoint(
        change_webhook_address,
        Label("送信先のアドレスを変える", "Change a webhook's address"),
        Label("変える", "Change"),
        api=api("PUT /webhooks/<webhook>/address", webhook="webhook_id"),
        cli=cli("webhook set-address", "webhook_id"),
        page=PageAddress(
            "/webhooks/<uuid:webhook_id>/address",
            "webhook_address_changing",
            then=_done("address"),
            back=_to_webhook,
            intro=Label(
                "待っている記録も新しいアドレスに送ります。署名の鍵は変わりません。",
                "What waits is sent to the new address, too. The secret stays the same.",
            ),
            about=about_webhook,
        ),
    ),
    EntryPoint(
        issue_webhook_secret,
        Label("署名の鍵を発行する", "Issue a webhook's secret"),
        Label("発行する", "Issue"),
        api=api("POST /webhooks/<webhook>/secret", webhook="webhook_id"),
        cli=cli("webhook secret", "webhook_id"),
    ),
    EntryPoint(
        change_webhook_state,
        Label("送信を一時停止・再開・終了する", "Pause, resume or end a webhook"),
        Label("変える", "Change"),
        api=api("PUT /webhooks/<webhook>/state", webhook="webhook_id"),
        cli=cli("webhook set-state", "webhook_id", "state"),
        page=PageAddress(
            "/webhooks/<uuid:webhook_id>/state",
            "webhook_state_changing",
            then=_done("state"),
            back=_to_webhook,
            intro=Label(
                "一時停止の間の記録は、再開したときに順に送ります。終了すると元に戻せません。",
                "What is recorded during a pause is sent in order afterwards. An end cannot be undone.",
            ),
            about=about_webhook,
        ),
    ),
    EntryPoint(
        resend_webhook,
        Label("監査記録を送り直す", "Send events again"),
        Label("送り直す", "Send again"),
        api=api("POST /webhooks/<webhook>/resend", webhook="webhook_id"),
        cli=cli("webhook resend", "webhook_id"),
        page=PageAddress(
            "/webhooks/<uuid:webhook_id>/resend",
            "webhook_resending",
            then=_done("resend"),
            back=_to_webhook,
            intro=Label(
                "その日の 0 時からの記録を、同じ番号（webhook-id）で順に送ります。"
                "受信側は、受け取り済みのものを読み飛ばします。",
                "Everything from 0:00 of that day is sent in order under the ids it had; a receiver drops what it has.",
            ),
            about=_about_resend,
            start=lambda session, given: {"since": clock.today()},
        ),
    ),
)
