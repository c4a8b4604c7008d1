"""The drift report: how long whoever asks for it may be kept waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from flask import Flask

from admin.workflows.drift import COMMAND_LINE_LIMITS, find_drift
from governance.kernel.deadlines import REQUEST_LIMITS, WaitLimits, current_budget, wait_limits
from tenancy.keycloak.port import AllTenantsFacts, Identities
from tests.admin.empty_keycloak import EmptyKeycloak


class AskedKeycloak(EmptyKeycloak):
    """Holds nothing, and keeps the limits it was asked under."""

    limits: WaitLimits | None = None

    def describe_tenants(self, tenant_ids: Sequence[UUID]) -> AllTenantsFacts:
        budget = current_budget()
        self.limits = budget.limits if budget else None
        return super().describe_tenants(tenant_ids)


def test_a_page_with_the_report_waits_no_longer_than_any_other(database: Flask) -> None:
    identities = AskedKeycloak()

    with wait_limits(REQUEST_LIMITS):
        find_drift(cast(Identities, identities))

    assert identities.limits == REQUEST_LIMITS


def test_the_command_line_waits_for_a_keycloak_that_has_just_started(database: Flask) -> None:
    identities = AskedKeycloak()

    find_drift(cast(Identities, identities))

    assert identities.limits == COMMAND_LINE_LIMITS
