"""The two realms as Moyai wants them, as values to read, compare and apply. No call is made here.

`moyai` holds the municipalities' people and systems, `moyai-operators` the prefecture's people. Only what is written
here is compared and set; the rest stays as Keycloak made it. What a realm holds *besides* (tenants, people, service
clients) is not specification but intent, see `tenancy.keycloak.port`.
"""

from tenancy.keycloak.specification.model import (
    ClientScope,
    ClientSpecification,
    DeploymentConfig,
    Execution,
    Flow,
    RealmSpecification,
)
from tenancy.keycloak.specification.operators import operators_realm
from tenancy.keycloak.specification.tenants import tenants_realm

__all__ = [
    "ClientScope",
    "ClientSpecification",
    "DeploymentConfig",
    "Execution",
    "Flow",
    "RealmSpecification",
    "realms",
]


def realms(deployment_config: DeploymentConfig) -> tuple[RealmSpecification, RealmSpecification]:
    """Both realms, for these addresses, keys and mail server."""
    return tenants_realm(deployment_config), operators_realm(deployment_config)
