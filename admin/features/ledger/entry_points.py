"""Entry points of the commands about the books: API routes, command line, and the form that reverses an entry.

Posting an entry is declared where it is special: its page has debit and credit columns, its command reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import url_for
from sqlalchemy.orm import Session

from admin.core.language import gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import day_text, yen
from billing.ledger.commands import (
    EntryReversed,
    ReverseEntry,
    change_period_state,
    post_entry,
    reverse_entry,
)
from billing.ledger.queries import entry
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.directory import tenant_by_id


def _reversed_entry(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The entry to be reversed. Raises NotFound."""
    found = entry(session, given["tenant_id"], given["entry_id"])
    facts = [
        Fact(gettext("Tenant"), tenant_by_id(session, found.tenant_id).name),
        Fact(gettext("No."), str(found.number)),
        Fact(gettext("Memo"), found.memo),
        Fact(gettext("Date"), day_text(found.happened_on, language)),
        Fact(gettext("Yen"), yen(found.total_yen, language)),
    ]
    return FormContext(facts, [gettext("It has already been reversed.")] if found.reversed_by else [])


def _to_reversal(command: ReverseEntry, result: EntryReversed) -> str:
    return url_for("ledger_entries.entry", tenant_id=command.tenant_id, entry_id=result.entry_id, done="reversed")


def _to_entry(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("仕訳", "Entry"), url_for("ledger_entries.entry", **given)


ENTRY_POINTS: Final = (
    EntryPoint(
        reverse_entry,
        Label("仕訳を取り消す", "Reverse an entry"),
        Label("取り消す", "Reverse"),
        api=api("POST /tenants/<tenant>/ledger/entries/<entry>/reversal", tenant="tenant_id", entry="entry_id"),
        cli=cli("ledger reverse", "tenant_id", "entry_id"),
        page=PageAddress(
            "/ledger/<uuid:tenant_id>/entries/<uuid:entry_id>/reverse",
            "entry_reversing",
            then=_to_reversal,
            back=_to_entry,
            intro=Label(
                "反対の仕訳を記帳します。もとの仕訳は残ります。", "A reversal is posted; the original entry stays."
            ),
            about=_reversed_entry,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        change_period_state,
        Label("会計年度の状態を変える", "Change the state of a fiscal year"),
        Label("変更する", "Change state"),
        api=api("PUT /tenants/<tenant>/ledger/periods/<year>", tenant="tenant_id", year="fiscal_year"),
        cli=cli("ledger period", "tenant_id", "fiscal_year", "to"),
    ),
)

POSTING: Final = EntryPoint(
    post_entry,
    Label("仕訳を記帳する", "Post an entry"),
    Label("記帳する", "Post"),
    api=api("POST /tenants/<tenant>/ledger/entries", tenant="tenant_id"),
)
"""How an entry that the command line reads from a file reaches the command, in this process or over the API."""
