"""Webhooks over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from admin.features.webhooks.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from governance.webhooks import queries
from governance.webhooks.queries import WebhookFacts

routes = ApiRoutes(Tag.AUDIT, ENTRY_POINTS)


@routes.list("/webhooks", Permission.WEBHOOK_READ, "WebhookPage")
@cli_query("webhook list", "送信先の一覧", "webhooks", "id state waiting last_problem name url")
def list_webhooks() -> Sequence[WebhookFacts]:
    """List the webhooks in the order they were made, ended ones too."""
    return queries.webhooks(db.session())


@routes.query("/webhooks/<webhook>", Permission.WEBHOOK_READ, etag="version")
@cli_query("webhook show", "送信先を 1 つ見る")
def get_webhook(webhook: UUID) -> WebhookFacts:
    """Show one webhook with the state of its deliveries."""
    return queries.webhook_by_id(db.session(), webhook)
