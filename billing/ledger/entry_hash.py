"""The hash of a posted entry with its lines, in the form `entry/1`. Pure.

The audit event of a posting carries it, so that the sealed record covers every yen. A column that entries get later
makes another form; entries of this one stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from governance.kernel.digest import digest_of

ENTRY_FORM: Final = "entry/1"


def entry_hash(
    *,
    tenant_id: UUID,
    entry_id: UUID,
    number: int,
    reference: str,
    request_hash: str,
    kind: str,
    fiscal_year: int,
    happened_on: date,
    recorded_at: datetime,
    reverses_id: UUID | None,
    memo: str,
    lines: Iterable[tuple[str, int]],
) -> str:
    """`sha256:…` over every column of the entry; `lines` are account code and yen in the order of their numbers."""
    said: dict[str, Any] = {
        "form": ENTRY_FORM,
        "tenant_id": str(tenant_id),
        "id": str(entry_id),
        "number": number,
        "reference": reference,
        "request_hash": request_hash,
        "kind": str(kind),
        "fiscal_year": fiscal_year,
        "happened_on": happened_on.isoformat(),
        "recorded_at": recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "reverses_id": None if reverses_id is None else str(reverses_id),
        "memo": memo,
        "lines": [[str(account), yen] for account, yen in lines],
    }
    return digest_of(said)
