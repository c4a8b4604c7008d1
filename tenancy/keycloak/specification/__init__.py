"""The two realms as Moyai wants them, as values to read, compare and apply. No call is made here.

`moyai` holds the municipalities' people and systems, `moyai-operators` the prefecture's. Only what is written here is
compared and set; the rest stays as Keycloak made it. What a realm holds *besides* (tenants, people, the municipalities'
service clients) is not specification but intent, see `tenancy.keycloak.port`.
"""

from collections.abc import Sequence

from tenancy.keycloak.port import ServiceClientIntent
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


def realms(
    deployment_config: DeploymentConfig, operators_clients: Sequence[ServiceClientIntent] = ()
) -> tuple[RealmSpecification, RealmSpecification]:
    """Both realms, for these addresses, keys, mail server and the operator's own service clients."""
    return tenants_realm(deployment_config), operators_realm(deployment_config, operators_clients)
