"""Every table of the house on one MetaData: importing this page imports each room's tables."""

import billing.ledger.tables  # noqa: F401
import governance.agreements.tables  # noqa: F401
import tenancy.clients.tables  # noqa: F401
import tenancy.onboarding.tables  # noqa: F401
import tenancy.people.tables  # noqa: F401
import tenancy.quotas.tables  # noqa: F401
import tenancy.tenants.tables  # noqa: F401
from governance.kernel.database import Row

metadata = Row.metadata
