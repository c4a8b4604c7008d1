"""Every table of the house on one MetaData: importing this page imports each room's tables."""

import tenancy.tenants.tables  # noqa: F401
from governance.kernel.database import Row

metadata = Row.metadata
