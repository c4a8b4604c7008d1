"""The MetaData of all tables: every module that declares one is imported here, so that none is missing from it."""

import admin.identity.tables  # noqa: F401
import billing.costs.tables
import billing.ledger.tables
import billing.notices.tables
import billing.runs.tables  # noqa: F401
import governance.agreements.tables
import governance.approvals.tables
import governance.audit.tables
import governance.grants.tables
import governance.idempotency.tables
import governance.outbox.tables
import governance.persons.tables
import governance.rules.tables
import governance.webhooks.tables  # noqa: F401
import tenancy.acceptances.tables
import tenancy.access_reviews.tables
import tenancy.announcements.tables
import tenancy.applications.tables
import tenancy.clients.tables
import tenancy.mails.tables
import tenancy.onboarding.tables
import tenancy.people.identity_providers.tables
import tenancy.people.scim.tables
import tenancy.people.tables
import tenancy.preferences.tables
import tenancy.quotas.tables
import tenancy.tenants.tables  # noqa: F401
from governance.kernel.database import TableBase

metadata = TableBase.metadata
