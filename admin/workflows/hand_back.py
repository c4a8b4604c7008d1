"""データ引渡し: everything Moyai holds of one tenant in one ZIP file, with a list that `sha256sum -c` accepts.

It is read in the tenant's own scope, where row-level security shows nothing of anybody else's. Each table of the
database is in it or named in LEFT_OUT with the reason; a table that is new is in it by itself.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import LargeBinary, Table, select
from sqlalchemy.orm import Session

import admin.migrations.metadata  # noqa: F401  # imports every module that declares a table
from billing.notices.leaving_statement import leaving_statement, leaving_statement_pdf
from billing.notices.queries import notice_papers
from governance.actors import Actor
from governance.agreements.queries import acceptances, version
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import TableBase, db, tenant_scope
from governance.kernel.spreadsheets import escape_formula
from tenancy import directory
from tenancy.tenants.hand_backs import RecordHandBack, hand_back, record_hand_back

MANIFEST: Final = "SHA256SUMS"

_SECRETS = "holds secrets of sessions or what lets somebody in, and nothing that the tenant recorded"
LEFT_OUT: Final[dict[str, str]] = {
    "web_session": _SECRETS,
    "token_session": _SECRETS,
    "ended_session": _SECRETS,
    "kept_form": "what somebody typed and did not send, sealed for that person alone",
    "idempotency_key": "stored answers of the machinery; what was done stands in the audit log",
    "job": "work of the machinery; what was done stands in the audit log",
    "webhook": "the operator's, with the secrets that sign deliveries",
    "hand_back": "the archives themselves",
    "audit_event": "stands under audit/, one event a line",
    "audit_seal": "stands under audit/, one link a line",
}
"""Tables with a tenant that are not under records/, each with its reason."""

COLUMNS_LEFT_OUT: Final[dict[str, frozenset[str]]] = {
    # Which account of another tenant somebody has, or is asked about, is that tenant's and the person's own.
    "member": frozenset({"account_id", "asked_account_id", "consent_code_hash", "is_shared"}),
}
"""Columns of tables under records/ that are not in the archive."""

_README: Final = """\
{name}（団体コード {code}） 引渡しデータ
作成: {made}

records/     登録されている記録。1つの表につき CSV（UTF-8、BOM付き）と JSON
agreements/  同意した協定の本文
notices/     発行された納入通知書（PDF）
statement/   脱退に係る負担金計算書（PDF と JSON）
audit/       監査記録（1行に1件の JSON）と、その連鎖
{manifest}   すべてのファイルの SHA-256。展開した場所で sha256sum -c {manifest} を実行すると確かめられます。

Records of {name} (code {code}), made {made}

records/     what is registered: one CSV (UTF-8 with BOM) and one JSON file a table
agreements/  the text of the agreements that were accepted
notices/     the notices as they were issued (PDF)
statement/   the final statement of contributions (PDF and JSON)
audit/       the audit log, one event a line as JSON, and its chain
{manifest}   the SHA-256 of every file; check with sha256sum -c {manifest} where you unpacked it

Left out / 含まないもの:
{left_out}
"""


def hand_back_archive(session: Session, tenant_id: UUID, made_at: datetime) -> bytes:
    """The ZIP file with the tenant's records. The session's scope is the tenant's. Raises NotFound.

    The same records give the same bytes. Raises RuntimeError where the PDF of a notice is not the one that was issued.
    """
    target = io.BytesIO()
    moment = made_at.astimezone(JST)
    stamp = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    sums = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, content: bytes) -> None:
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)

        for name, content in _files(session, tenant_id, made_at):
            add(name, content)
            sums.append(f"{sha256(content).hexdigest()}  {name}\n")
        add(MANIFEST, "".join(sums).encode())
    return target.getvalue()


def make_hand_back(tenant_id: UUID, hand_back_id: UUID, *, actor: Actor) -> None:
    """Make the archive that was asked for and store it. Safe to repeat. Raises NotFound."""
    with tenant_scope(tenant_id):
        if hand_back(db.session(), tenant_id, hand_back_id).made_at is not None:
            return
        content = hand_back_archive(db.session(), tenant_id, clock.now())
    record_hand_back(RecordHandBack(tenant_id=tenant_id, hand_back_id=hand_back_id, content=content), actor=actor)


def tables_of_records() -> list[Table]:
    """The tables that stand under records/, the tenant's own row first."""
    every = TableBase.metadata.sorted_tables
    return [
        table
        for table in every
        if table.name == "tenant" or ("tenant_id" in table.columns and table.name not in LEFT_OUT)
    ]


def _files(session: Session, tenant_id: UUID, made_at: datetime) -> Iterator[tuple[str, bytes]]:
    tenant = directory.tenant_by_id(session, tenant_id)
    left_out = "".join(f"- {name}: {reason}\n" for name, reason in LEFT_OUT.items())
    made = made_at.astimezone(JST).isoformat(timespec="seconds")
    words = {"name": tenant.name, "code": tenant.code or "―", "made": made, "manifest": MANIFEST, "left_out": left_out}
    yield "README.txt", _README.format(**words).encode()
    for table in tables_of_records():
        columns, rows = _rows(session, table, tenant_id)
        yield f"records/{table.name}.csv", _csv(columns, rows)
        yield f"records/{table.name}.json", _json([dict(zip(columns, row, strict=True)) for row in rows])
    for accepted in acceptances(session, tenant_id):
        found = version(session, accepted.version_id)
        yield f"agreements/{found.agreement}-v{found.number}.txt", found.text.encode()
    for facts, pdf in notice_papers(session, tenant_id):
        yield f"notices/{facts.number}.pdf", pdf
    statement = leaving_statement(session, tenant_id, clock.jst_date(made_at))
    yield "statement/statement.json", _json(statement.model_dump(mode="json"))
    yield "statement/statement.pdf", leaving_statement_pdf(statement, made_at)
    for table_name, name in (("audit_event", "events"), ("audit_seal", "chain")):
        columns, rows = _rows(session, TableBase.metadata.tables[table_name], tenant_id)
        lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=_text) for row in rows)
        yield f"audit/{name}.jsonl", "".join(f"{line}\n" for line in lines).encode()


def _rows(session: Session, table: Table, tenant_id: UUID) -> tuple[list[str], list[Sequence[Any]]]:
    """The names of the columns and the tenant's rows, by their key. Files are no columns: they have a folder."""
    hidden = COLUMNS_LEFT_OUT.get(table.name, frozenset())
    kept = (column for column in table.columns if column.name not in hidden)
    columns = [column for column in kept if not isinstance(column.type, LargeBinary)]
    own = table.c.id == tenant_id if table.name == "tenant" else table.c.tenant_id == tenant_id
    query = select(*columns).where(own).order_by(*table.primary_key.columns)
    return [column.name for column in columns], [tuple(row) for row in session.execute(query)]


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + target.getvalue().encode()


def _cell(value: Any) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_text)
    return escape_formula(_text(value))


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=_text) + "\n").encode()


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
