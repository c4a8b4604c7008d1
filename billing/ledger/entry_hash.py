"""The hash of a posted entry with its lines, in the form `entry/1`. Pure.

The audit event of a posting carries it, so that the sealed record covers every yen. A column that entries get later
makes another form; entries of this one stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from json.encoder import encode_basestring
from typing import Final
from uuid import UUID

ENTRY_FORM: Final = "entry/1"

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


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
    """`sha256:…` over every column of the entry; `lines` are account code and yen in the order of their numbers.

    What is hashed is UTF-8 text, one value a line, in the order of the parameters after the name of the form: ids in
    hexadecimal without hyphens, `recorded_at` in microseconds since 1970 (UTC), free text as JSON strings, which hold
    no line end, no reversed entry as an empty line, and each line of the entry as `account yen`. A batch of postings
    computes it a thousand times, in half the time that canonical JSON takes.
    """
    values = [
        ENTRY_FORM,
        tenant_id.hex,
        entry_id.hex,
        str(number),
        encode_basestring(reference),
        request_hash,
        kind,
        str(fiscal_year),
        happened_on.isoformat(),
        str((recorded_at - _EPOCH) // _MICROSECOND),
        "" if reverses_id is None else reverses_id.hex,
        encode_basestring(memo),
    ]
    values += [f"{account} {yen}" for account, yen in lines]
    return "sha256:" + hashlib.sha256("\n".join(values).encode()).hexdigest()
