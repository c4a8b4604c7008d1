"""Realm `moyai-operators`: the prefecture's people. They live apart, because who manages people can reset passwords."""

from __future__ import annotations

from governance.permissions import OPERATOR_ROLES
from tenancy.keycloak.port import Realm
from tenancy.keycloak.representations import API_CLIENT
from tenancy.keycloak.specification.model import DeploymentConfig, Json, RealmSpecification
from tenancy.keycloak.specification.shared import (
    PEOPLE_CLIENT,
    RECONCILER_CLIENT,
    USER_PROFILE,
    api_client,
    api_scope,
    backend_client,
    closed_built_in_clients,
    command_line_client,
    console_client,
    sign_in_flows,
    sign_in_settings,
)


def operators_realm(deployment_config: DeploymentConfig) -> RealmSpecification:
    """No organizations and no service clients here, so the accounts have one right less, and one account less."""
    roles = frozenset(str(role) for role in OPERATOR_ROLES)
    return RealmSpecification(
        realm=Realm.OPERATORS,
        settings={
            **sign_in_settings(deployment_config),
            "displayName": "Moyai 催合 運営者",
            "organizationsEnabled": False,
            "adminPermissionsEnabled": False,
        },
        user_profile=USER_PROFILE,
        flows=sign_in_flows(deployment_config, of_everybody=True),
        client_scopes=(api_scope(_role_mapper(), roles=roles),),
        clients=(
            api_client(roles),
            console_client(deployment_config, optional_scopes=frozenset()),
            command_line_client(deployment_config, optional_scopes=frozenset()),
            backend_client(deployment_config, PEOPLE_CLIENT, "people", "Moyai: people", {"manage-users"}),
            backend_client(
                deployment_config,
                RECONCILER_CLIENT,
                "reconciler",
                "Moyai: reading",
                {"view-users", "view-clients", "view-events"},
            ),
            *closed_built_in_clients(),
        ),
    )


def _role_mapper() -> Json:
    """The person's roles at `resource_access.moyai-api.roles` of the access token."""
    return {
        "name": "operator roles",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usermodel-client-role-mapper",
        "config": {
            "usermodel.clientRoleMapping.clientId": API_CLIENT,
            "claim.name": "resource_access.${client_id}.roles",
            "jsonType.label": "String",
            "multivalued": "true",
            "access.token.claim": "true",
            "id.token.claim": "false",
            "userinfo.token.claim": "false",
            "introspection.token.claim": "true",
        },
    }
