"""Tenants get their new name and code at 0:00 of its day: by the worker, once, also after it was down."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DomainError
from tenancy.tenants.renamings import CarryOutRenaming, carry_out_renaming, renamings_due

log = structlog.get_logger(__name__)


def carry_out_renamings(actor: Callable[[], Actor]) -> None:
    """Carry out every change of name or code whose day has come. One that is refused stops no other."""
    with system_transaction(OPERATOR) as session:
        due = renamings_due(session, clock.today())
    for one in due:
        try:
            carry_out_renaming(CarryOutRenaming(tenant_id=one.tenant_id, renaming_id=one.id), actor=actor())
        except DomainError as refused:
            log.warning("tenant.renaming_not_carried_out", tenant=str(one.tenant_id), code=refused.code)
