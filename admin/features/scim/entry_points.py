"""Entry points of the commands about a directory's tokens. A token is shown by a page of its own, once.

What the directory itself writes comes in by SCIM (`protocol.py`) and has no form: a person edits people under 利用者.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import jst_time
from admin.interface.tenant_pages import about_tenant, to_part
from governance.kernel import clock
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.people.scim.tokens import issue_scim_token, scim_tokens, withdraw_scim_token


def _token(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Whose token it is, since when it counts and when it was used last."""
    about = about_tenant(session, given, language)
    found = [one for one in scim_tokens(session, given["tenant_id"], clock.today()) if one.id == given["token_id"]]
    return FormContext(
        [
            *about.facts,
            *(Fact(gettext("Issued"), jst_time(one.issued_at)) for one in found),
            *(
                Fact(gettext("Last use"), jst_time(one.last_used_at) if one.last_used_at else gettext("never"))
                for one in found
            ),
        ]
    )


def _to_directory(command: Any, result: Any) -> str:
    return url_for("scim.directory", tenant_id=command.tenant_id, done="withdrawn")


ENTRY_POINTS: Final = (
    EntryPoint(
        issue_scim_token,
        Label("SCIMトークンを発行する", "Issue a SCIM token"),
        Label("発行する", "Issue"),
        api=api("POST /tenants/<tenant>/scim-tokens", tenant="tenant_id"),
        cli=cli("scim issue-token", "tenant_id"),
    ),
    EntryPoint(
        withdraw_scim_token,
        Label("SCIMトークンを失効させる", "Withdraw a SCIM token"),
        Label("失効させる", "Withdraw"),
        api=api(
            "POST /tenants/<tenant>/scim-tokens/<token>/withdrawal",
            tenant="tenant_id",
            token="token_id",  # noqa: S106 - a field's name
        ),
        cli=cli("scim withdraw-token", "tenant_id", "token_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/scim/tokens/<uuid:token_id>/withdraw",
            "token_withdrawing",
            then=_to_directory,
            back=to_part("scim.directory", Label("ディレクトリ連携", "directory")),
            intro=Label(
                "次の要求から拒否します。元に戻せません。利用者と役割は、そのまま残ります。",
                "The next request with it is refused. This cannot be undone. People and roles stay as they are.",
            ),
            about=_token,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
