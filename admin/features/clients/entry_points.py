"""Entry points of the command about service clients: API route, command line and form."""

from __future__ import annotations

from typing import Final

from admin.interface.entry_points import EntryPoint, PageAddress, api, cli
from admin.interface.tenant_pages import about_tenant, done, to_tenant
from governance.kernel.labels import Label
from tenancy.clients.commands import register_client

ENTRY_POINTS: Final = (
    EntryPoint(
        register_client,
        Label("API利用者（システム）を登録する", "Register a service client"),
        Label("登録する", "Register"),
        api=api("POST /tenants/<tenant>/service-clients", tenant="tenant_id"),
        cli=cli("service-client register", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/clients/new",
            "client_registering",
            then=done("client-registered"),
            back=to_tenant,
            intro=Label(
                "公開鍵だけを登録します。秘密鍵は、そのシステムの外に出しません。",
                "Only the public key is registered; the private one never leaves the system.",
            ),
            about=about_tenant,
            is_reviewed=False,
        ),
    ),
)
