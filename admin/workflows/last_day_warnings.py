"""Warnings that a service client or a key of it comes to its last day: a job for each, on working days' mornings."""

from __future__ import annotations

from typing import Final

from admin.workflows.digest_mails import mornings
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy.clients.last_days import claim_warnings

MAX_A_ROUND: Final = 200


def enqueue_warnings() -> None:
    """One round: a job for each warning that is due and was not handed out. Nothing on holidays and before eight."""
    now = clock.now()
    if mornings(now) is None:
        return
    with system_transaction(OPERATOR) as session:
        claim_warnings(session, clock.jst_date(now), now, limit=MAX_A_ROUND)
