"""Webhooks in tests: made by two people, read, and their columns set as time would."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from governance.commands import system_transaction
from governance.kernel.database import OPERATOR
from governance.webhooks.commands import (
    CreateWebhook,
    IssueWebhookSecret,
    WebhookCreated,
    create_webhook,
    issue_webhook_secret,
)
from governance.webhooks.queries import WebhookFacts, webhook_by_id
from tests.actors import Actors
from tests.second_person import approved

URL = "https://siem.example.jp/moyai"


class Webhooks:
    """Makes webhooks as one of security with the approver."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors

    def command(self, tenant_id: UUID | None = None, **other: Any) -> CreateWebhook:
        values: dict[str, Any] = {"name": "県の SIEM", "url": URL} | other
        return CreateWebhook(tenant_id=tenant_id or self.actors.operator_tenant, **values)

    def without_secret(self, tenant_id: UUID | None = None, **other: Any) -> UUID:
        """A webhook that two people made, and nobody has issued a secret of."""
        command = self.command(tenant_id, **other)
        return approved(
            create_webhook, command, WebhookCreated, actor=self.actors.security, by=self.actors.approver
        ).webhook_id

    def create(self, tenant_id: UUID | None = None, **other: Any) -> tuple[UUID, str]:
        """A webhook that is ready to deliver, and its secret."""
        webhook_id = self.without_secret(tenant_id, **other)
        return webhook_id, self.secret(webhook_id)

    def secret(self, webhook_id: UUID) -> str:
        """The next secret."""
        issued = issue_webhook_secret(IssueWebhookSecret(webhook_id=webhook_id), actor=self.actors.security)
        assert issued.secret is not None
        return issued.secret

    def facts(self, webhook_id: UUID) -> WebhookFacts:
        with system_transaction(OPERATOR) as session:
            return webhook_by_id(session, webhook_id)
