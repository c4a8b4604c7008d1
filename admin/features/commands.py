"""The modules whose commands the application has, by hand: a command is known because its module stands here."""

from __future__ import annotations

from types import ModuleType
from typing import Final

import admin.identity.commands
import admin.identity.login_changes
import admin.identity.session_ends
import admin.identity.sign_in_limits
import admin.identity.sign_in_networks
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
import tenancy.access_reviews.commands
import tenancy.announcements.commands
import tenancy.applications.admission
import tenancy.applications.commands
import tenancy.applications.retention
import tenancy.applications.screening
import tenancy.clients.client_secrets
import tenancy.clients.commands
import tenancy.clients.last_days
import tenancy.clients.rotation
import tenancy.clients.sources
import tenancy.clients.stopping
import tenancy.clients.suspension
import tenancy.drift_checks.commands
import tenancy.onboarding.changed_roles
import tenancy.onboarding.commands
import tenancy.onboarding.unsynced_members
import tenancy.people.accounts
import tenancy.people.break_glass
import tenancy.people.bulk_changes
import tenancy.people.commands
import tenancy.people.consents
import tenancy.people.editing
import tenancy.people.identity_providers.commands
import tenancy.people.leaving
import tenancy.people.ownership
import tenancy.people.role_changes
import tenancy.people.scim.commands
import tenancy.people.scim.tokens
import tenancy.people.second_factor
import tenancy.people.sections
import tenancy.people.unaccepted_invitations
import tenancy.preferences.columns
import tenancy.preferences.commands
import tenancy.preferences.filters
import tenancy.quotas.commands
import tenancy.repairs.commands
import tenancy.tenants.access
import tenancy.tenants.cohorts
import tenancy.tenants.commands
import tenancy.tenants.contacts
import tenancy.tenants.departures
import tenancy.tenants.hand_backs
import tenancy.tenants.mergers
import tenancy.tenants.renamings
import tenancy.tenants.statistics

COMMAND_MODULES: Final[tuple[ModuleType, ...]] = (
    governance.agreements.commands,
    governance.approvals.commands,
    governance.audit.commands,
    governance.retention.commands,
    governance.rules.commands,
    governance.webhooks.commands,
    tenancy.acceptances.commands,
    tenancy.access_reviews.commands,
    tenancy.announcements.commands,
    tenancy.applications.admission,
    tenancy.applications.commands,
    tenancy.applications.retention,
    tenancy.applications.screening,
    tenancy.clients.client_secrets,
    tenancy.clients.commands,
    tenancy.clients.last_days,
    tenancy.clients.rotation,
    tenancy.clients.sources,
    tenancy.clients.stopping,
    tenancy.clients.suspension,
    tenancy.people.editing,
    tenancy.onboarding.changed_roles,
    tenancy.onboarding.commands,
    tenancy.onboarding.unsynced_members,
    tenancy.people.accounts,
    tenancy.people.break_glass,
    tenancy.people.bulk_changes,
    tenancy.people.commands,
    tenancy.people.consents,
    tenancy.people.identity_providers.commands,
    tenancy.people.leaving,
    tenancy.people.ownership,
    tenancy.tenants.access,
    tenancy.people.role_changes,
    tenancy.people.second_factor,
    tenancy.people.sections,
    tenancy.people.unaccepted_invitations,
    tenancy.preferences.columns,
    tenancy.preferences.commands,
    tenancy.preferences.filters,
    tenancy.quotas.commands,
    tenancy.drift_checks.commands,
    tenancy.repairs.commands,
    tenancy.people.scim.commands,
    tenancy.people.scim.tokens,
    tenancy.tenants.cohorts,
    tenancy.tenants.commands,
    tenancy.tenants.contacts,
    tenancy.tenants.departures,
    tenancy.tenants.hand_backs,
    tenancy.tenants.mergers,
    tenancy.tenants.renamings,
    tenancy.tenants.statistics,
    billing.costs.commands,
    billing.ledger.commands,
    billing.notices.commands,
    billing.notices.issuer,
    billing.runs.commands,
    admin.identity.commands,
    admin.identity.login_changes,
    admin.identity.session_ends,
    admin.identity.sign_in_limits,
    admin.identity.sign_in_networks,
    admin.operations.key_commands,
    admin.operations.mail.commands,
)
