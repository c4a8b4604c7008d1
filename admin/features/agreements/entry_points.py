"""Entry points of the commands about agreements. Their pages show the text of a version and are written by hand."""

from __future__ import annotations

from typing import Final

from admin.interface.entry_points import EntryPoint, api, cli
from governance.agreements.commands import accept_agreement, publish_agreement
from governance.kernel.labels import Label

ENTRY_POINTS: Final = (
    EntryPoint(
        publish_agreement,
        Label("協定の版を公開する", "Publish a version of an agreement"),
        Label("公開する", "Publish"),
        api=api("POST /agreement-versions"),
        cli=cli("agreement publish", "name", "text"),
    ),
    EntryPoint(
        accept_agreement,
        Label("同意を登録する", "Record that a named signer accepted a version for a tenant"),
        Label("登録する", "Record"),
        api=api("POST /tenants/<tenant>/acceptances", tenant="tenant_id"),
        cli=cli("agreement accept", "tenant_id", "version_id"),
    ),
)
