"""Realm `moyai-operators`: the prefecture's people. They live apart, because who manages people can reset passwords."""

from __future__ import annotations

from collections.abc import Sequence

from governance.permissions import OPERATOR_ROLES
from tenancy.keycloak.port import MANAGED_BY, OPERATOR_SERVICE_SCOPES, Realm, ServiceClientIntent
from tenancy.keycloak.representations import API_CLIENT, canonical_jwks
from tenancy.keycloak.specification.model import (
    ClientScope,
    ClientSpecification,
    DeploymentConfig,
    Json,
    RealmSpecification,
)
from tenancy.keycloak.specification.shared import (
    PEOPLE_CLIENT,
    RECONCILER_CLIENT,
    USER_PROFILE,
    api_client,
    api_scope,
    audience_mapper,
    backend_client,
    closed_built_in_clients,
    command_line_client,
    console_client,
    service_scope,
    sign_in_flows,
    sign_in_settings,
)

AUDIENCE_SCOPE = "moyai-service"


def operators_realm(
    deployment_config: DeploymentConfig, service_clients: Sequence[ServiceClientIntent] = ()
) -> RealmSpecification:
    """No organizations here, and `service_clients` are made by this specification only: no account writes clients."""
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
        client_scopes=(
            api_scope(_role_mapper(), roles=roles),
            _audience_scope(),
            *(service_scope(name) for name in OPERATOR_SERVICE_SCOPES),
        ),
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
                {"view-users", "view-realm", "view-clients", "view-events"},
            ),
            *closed_built_in_clients(),
            *(_service_client(intent) for intent in service_clients),
        ),
    )


def _service_client(intent: ServiceClientIntent) -> ClientSpecification:
    """A system of the operator's: client credentials with its own key (private_key_jwt), and no other way in."""
    return ClientSpecification(
        intent.client_id,
        {
            "name": intent.name,
            "enabled": intent.enabled,
            "protocol": "openid-connect",
            "publicClient": False,
            "bearerOnly": False,
            "clientAuthenticatorType": "client-jwt",
            "standardFlowEnabled": False,
            "implicitFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "serviceAccountsEnabled": True,
            "fullScopeAllowed": False,
            "attributes": {
                "managed_by": MANAGED_BY,
                "use.jwks.string": "true",
                "jwks.string": canonical_jwks(intent.jwks),
            },
        },
        default_scopes=frozenset({"basic", AUDIENCE_SCOPE}) | intent.scopes,
        only_if_present=not intent.enabled,
    )


def _audience_scope() -> ClientScope:
    """The audience for systems. Keycloak leaves `moyai-api` out for an account without any of the roles it names."""
    settings = {"include.in.token.scope": "false", "display.on.consent.screen": "false"}
    description = "Tokens of systems for Moyai"
    return ClientScope(
        AUDIENCE_SCOPE,
        {"protocol": "openid-connect", "description": description, "attributes": settings},
        (audience_mapper(),),
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
