"""The modules whose commands the application has, by hand: a command is known because its module stands here."""

from __future__ import annotations

from types import ModuleType
from typing import Final

import admin.identity.commands
import admin.operations.key_commands
import admin.operations.mail.commands
import billing.costs.commands
import billing.ledger.commands
import billing.notices.commands
import billing.notices.issuer
import billing.runs.commands
import governance.agreements.commands
import governance.approvals.commands
import governance.audit.commands
import governance.retention.commands
import governance.rules.commands
import governance.webhooks.commands
import tenancy.acceptances.commands
import tenancy.announcements.commands
import tenancy.clients.commands
import tenancy.clients.rotation
import tenancy.clients.suspension
import tenancy.onboarding.changed_roles
import tenancy.onboarding.commands
import tenancy.onboarding.unsynced_members
import tenancy.people.accounts
import tenancy.people.commands
import tenancy.people.role_changes
import tenancy.people.second_factor
import tenancy.people.unaccepted_invitations
import tenancy.preferences.columns
import tenancy.preferences.commands
import tenancy.preferences.filters
import tenancy.quotas.commands
import tenancy.repairs.commands
import tenancy.tenants.cohorts
import tenancy.tenants.commands
import tenancy.tenants.contacts
import tenancy.tenants.statistics

COMMAND_MODULES: Final[tuple[ModuleType, ...]] = (
    governance.agreements.commands,
    governance.approvals.commands,
    governance.audit.commands,
    governance.retention.commands,
    governance.rules.commands,
    governance.webhooks.commands,
    tenancy.acceptances.commands,
    tenancy.announcements.commands,
    tenancy.clients.commands,
    tenancy.clients.rotation,
    tenancy.clients.suspension,
    tenancy.onboarding.changed_roles,
    tenancy.onboarding.commands,
    tenancy.onboarding.unsynced_members,
    tenancy.people.accounts,
    tenancy.people.commands,
    tenancy.people.role_changes,
    tenancy.people.second_factor,
    tenancy.people.unaccepted_invitations,
    tenancy.preferences.columns,
    tenancy.preferences.commands,
    tenancy.preferences.filters,
    tenancy.quotas.commands,
    tenancy.repairs.commands,
    tenancy.tenants.cohorts,
    tenancy.tenants.commands,
    tenancy.tenants.contacts,
    tenancy.tenants.statistics,
    billing.costs.commands,
    billing.ledger.commands,
    billing.notices.commands,
    billing.notices.issuer,
    billing.runs.commands,
    admin.identity.commands,
    admin.operations.key_commands,
    admin.operations.mail.commands,
)
