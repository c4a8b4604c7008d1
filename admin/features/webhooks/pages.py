"""監査記録の送信先: the webhooks there are, how each fares, and the page that shows a new secret once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request

from admin.core.guard import current_actor, requires
from admin.core.language import current_language, gettext
from admin.features.webhooks.entry_points import ENTRY_POINTS, about_webhook, waiting_text
from admin.interface.command_forms import add_forms
from admin.interface.forms import Form
from admin.interface.history import newest_actions
from admin.interface.kept_forms import shown_once
from admin.interface.pages import render_page, session
from governance.events import Event
from governance.permissions import Permission
from governance.webhooks import queries
from governance.webhooks.commands import IssueWebhookSecret, issue_webhook_secret
from tenancy.tenants.queries import names_of_tenants

pages = add_forms(Blueprint("webhooks", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/webhooks")
@requires(Permission.WEBHOOK_READ)
def webhooks() -> tuple[str, int]:
    """Every webhook with what is wrong, ended ones last."""
    found = queries.webhooks(session())
    found.sort(key=lambda one: one.state.value == "ended")
    return render_page(
        "webhooks/webhooks",
        webhooks=found,
        tenants=names_of_tenants(session(), [one.tenant_id for one in found]),
        waiting_text=waiting_text,
        operator_id=current_actor().tenant_id,
    )


@pages.get("/webhooks/<uuid:webhook_id>")
@requires(Permission.WEBHOOK_READ)
def webhook(webhook_id: UUID) -> tuple[str, int]:
    """Where it sends to, how its deliveries fare, and what can be done."""
    return _render_part("webhooks/webhook", webhook_id, done=request.args.get("done", ""))


@pages.get("/webhooks/<uuid:webhook_id>/related")
@requires(Permission.WEBHOOK_READ)
def webhook_related(webhook_id: UUID) -> tuple[str, int]:
    """What waits to be sent, whose events they are, and where the webhook belongs."""
    return _render_part("webhooks/webhook_related", webhook_id, part_title=gettext("Related"))


@pages.get("/webhooks/<uuid:webhook_id>/history")
@requires(Permission.WEBHOOK_READ)
def webhook_history(webhook_id: UUID) -> tuple[str, int]:
    """Who did what with it."""
    return _render_part(
        "webhooks/webhook_history", webhook_id, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


def _render_part(template: str, webhook_id: UUID, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of a webhook's page, with what every part has: its state, who created it, and its last events."""
    found, subject = queries.webhook_by_id(session(), webhook_id), str(webhook_id)
    return render_page(
        template,
        webhook=found,
        tenants=names_of_tenants(session(), [found.tenant_id]),
        waiting=waiting_text(found),
        created=newest_actions(1, subject=subject, event=Event.WEBHOOK_CREATED),
        record=newest_actions(actions_shown, subject=subject),
        **values,
    )


@pages.route("/webhooks/<uuid:webhook_id>/secret", methods=["GET", "POST"])
@requires(Permission.WEBHOOK_ISSUE_SECRET)
@shown_once("a secret is shown and kept nowhere")
def webhook_secret(webhook_id: UUID) -> tuple[str, int]:
    """Issue a secret and show it: in the answer to the form, and nowhere after."""
    form = Form.from_request() if request.method == "POST" else Form.initial()
    about = about_webhook(session(), {"webhook_id": webhook_id}, current_language())
    issued = None
    if request.method == "POST":
        with form.collect_errors():
            issued = issue_webhook_secret(
                IssueWebhookSecret(webhook_id=webhook_id), actor=current_actor(), key=form.key
            )
    found = queries.webhook_by_id(session(), webhook_id)
    return render_page("webhooks/webhook_secret", form=form, webhook=found, about=about, issued=issued)
