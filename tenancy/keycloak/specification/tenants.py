"""Realm `moyai`: the municipalities, one organization each."""

from __future__ import annotations

from governance.permissions import TENANT_ROLES
from tenancy.keycloak.port import IDENTITY_PROVIDER_CLAIM, SERVICE_SCOPES, Realm
from tenancy.keycloak.specification.model import (
    ClientScope,
    DeploymentConfig,
    Json,
    RealmSpecification,
)
from tenancy.keycloak.specification.shared import (
    CLIENTS_CLIENT,
    PEOPLE_CLIENT,
    RECONCILER_CLIENT,
    TO_IDENTITY_PROVIDER,
    UNKNOWN_PERSON_FLOW,
    USER_PROFILE,
    api_client,
    api_scope,
    backend_client,
    closed_built_in_clients,
    command_line_client,
    console_client,
    identity_provider_flows,
    service_scope,
    sign_in_flows,
    sign_in_settings,
    steps_of_organization,
)


def tenants_realm(deployment_config: DeploymentConfig) -> RealmSpecification:
    return RealmSpecification(
        realm=Realm.TENANTS,
        settings={
            **sign_in_settings(deployment_config),
            "displayName": "Moyai 催合",
            "organizationsEnabled": True,
            # Its answers differ by caller and its holes were many; the wall between tenants is our backend.
            "adminPermissionsEnabled": False,
            "firstBrokerLoginFlow": UNKNOWN_PERSON_FLOW,
        },
        user_profile=USER_PROFILE,
        flows=(
            *sign_in_flows(
                deployment_config,
                of_everybody=False,
                session_steps=steps_of_organization(Realm.TENANTS),
                provider_steps=TO_IDENTITY_PROVIDER,
            ),
            *identity_provider_flows(deployment_config, of_everybody=False),
        ),
        client_scopes=(
            api_scope(_identity_provider_mapper()),
            _organization_scope(),
            *(service_scope(name) for name in SERVICE_SCOPES),
        ),
        clients=(
            api_client(frozenset(str(role) for role in TENANT_ROLES)),
            console_client(deployment_config, optional_scopes=frozenset({"organization"})),
            command_line_client(deployment_config, optional_scopes=frozenset({"organization"})),
            backend_client(
                deployment_config,
                PEOPLE_CLIENT,
                "people",
                "Moyai: people",
                {"manage-users", "manage-organizations", "manage-identity-providers"},
            ),
            backend_client(
                deployment_config,
                CLIENTS_CLIENT,
                "clients",
                "Moyai: service clients",
                {"manage-clients"},
            ),
            backend_client(
                deployment_config,
                RECONCILER_CLIENT,
                "reconciler",
                "Moyai: reading",
                {"view-users", "view-organizations", "view-realm", "view-clients", "view-events"}
                | {"view-identity-providers"},
            ),
            *closed_built_in_clients(),
        ),
    )


def _identity_provider_mapper() -> Json:
    """The identity provider that vouched for the person, absent after a password: it speaks for one tenant only.

    The ID token has it, too: by it Moyai knows where to send the person to log in anew.
    """
    return _mapper(
        "identity provider",
        "oidc-usersessionmodel-note-mapper",
        {
            "user.session.note": "identity_provider",
            "claim.name": IDENTITY_PROVIDER_CLAIM,
            "jsonType.label": "String",
            "id.token.claim": "true",
            "access.token.claim": "true",
            "userinfo.token.claim": "false",
            "introspection.token.claim": "true",
        },
    )


def _organization_scope() -> ClientScope:
    """`organization:<alias>` puts the tenant, its attributes and the person's roles *there* into the token.

    Keycloak makes this scope and its first mapper itself; the second one carries the roles of the groups.
    """
    return ClientScope(
        "organization",
        {"protocol": "openid-connect"},
        (
            _mapper(
                "organization",
                "oidc-organization-membership-mapper",
                {
                    "claim.name": "organization",
                    "jsonType.label": "String",
                    "multivalued": "true",
                    "addOrganizationId": "true",
                    "addOrganizationAttributes": "true",
                    "id.token.claim": "true",
                    "access.token.claim": "true",
                    "userinfo.token.claim": "true",
                    "introspection.token.claim": "true",
                },
            ),
            _mapper(
                "organization roles",
                "oidc-organization-group-membership-mapper",
                {
                    "addGroupRoleMappings": "true",
                    "id.token.claim": "false",
                    "access.token.claim": "true",
                    "userinfo.token.claim": "false",
                    "introspection.token.claim": "true",
                },
            ),
        ),
    )


def _mapper(name: str, kind: str, config: dict[str, str]) -> Json:
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": kind,
        "config": config,
    }
