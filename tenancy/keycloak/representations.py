"""Converts between Keycloak's JSON representations and the port's models. Sends no request.

Only declared fields are compared and written; what else a representation holds (domains, other attributes, mappers a
person added) goes back to the server as it came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tenancy.keycloak.port import (
    FORMER_SCOPES,
    MANAGED_BY,
    IdentityProviderFacts,
    IdentityProviderIntent,
    IdentityProviderKind,
    OperatorFacts,
    OperatorIntent,
    OrganizationFacts,
    OrganizationIntent,
    PersonFacts,
    PersonIntent,
    RoleGroupFacts,
    ServiceClientFacts,
    ServiceClientIntent,
    SessionFacts,
)

Json = dict[str, Any]

SECOND_FACTOR = "second_factor"
"""The attribute of a tenant's people that says whether they need a second factor; without one they do.

Keycloak's own condition on roles does not see those of organization groups (26.7.4).
"""
REQUIRED, OPTIONAL = "required", "optional"

MAIL_ORGANIZATION, MAIL_INVITED_BY, MAIL_CONTACT = "mail_organization", "mail_invited_by", "mail_contact"
MAIL_ATTRIBUTES = (MAIL_ORGANIZATION, MAIL_INVITED_BY, MAIL_CONTACT)
"""Attributes that the mails of the theme print: of which body, who registered the person, whom to ask."""

API_CLIENT = "moyai-api"
"""The client whose roles are the roles of Moyai, and the audience of every token Moyai accepts."""

SERVICE_BASE_SCOPES = frozenset({"basic", "moyai-api"})
"""What each service client carries besides its own scopes: the subject, and the audience `moyai-api`."""

_NO_SCOPES_OF_THEIRS = SERVICE_BASE_SCOPES | FORMER_SCOPES | {"service_account"}

TENANT_CLAIM_MAPPER = "tenant"


def attribute(representation: Mapping[str, Any], name: str) -> str | None:
    """The single value of an attribute, whether the server wraps it in a list or not."""
    value = (representation.get("attributes") or {}).get(name)
    if isinstance(value, list):
        return str(value[0]) if len(value) == 1 else (None if not value else ",".join(map(str, value)))
    return None if value is None else str(value)


def merged(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Json:
    """The representation as found, overlaid with the declared fields; attributes are merged, not replaced."""
    both = {**found, **wanted}
    both["attributes"] = {
        **(found.get("attributes") or {}),
        **(wanted.get("attributes") or {}),
    }
    return both


# ---- organizations --------------------------------------------------------------------------------------------------


def organization_body(intent: OrganizationIntent) -> Json:
    return {
        "name": intent.title,
        "alias": intent.alias,
        "enabled": intent.enabled,
        "attributes": {
            "tenant_id": [str(intent.tenant_id)],
            "code": [intent.code],
            "managed_by": [MANAGED_BY],
        },
    }


def organization_facts(row: Mapping[str, Any]) -> OrganizationFacts:
    return OrganizationFacts(
        id=row["id"],
        alias=row["alias"],
        title=row["name"],
        enabled=row["enabled"],
        tenant_id=attribute(row, "tenant_id"),
        code=attribute(row, "code"),
        managed_by=attribute(row, "managed_by"),
    )


def organization_changes(intent: OrganizationIntent, found: OrganizationFacts) -> dict[str, tuple[object, object]]:
    """The fields that differ, each with its declared and its found value."""
    return _changed_fields(
        name=(intent.title, found.title),
        enabled=(intent.enabled, found.enabled),
        code=(intent.code, found.code),
        alias=(intent.alias, found.alias),
    )


def role_group_facts(row: Mapping[str, Any]) -> RoleGroupFacts:
    by_client: Mapping[str, list[str]] = row.get("clientRoles") or {}
    others = {f"{client}:{role}" for client, roles in by_client.items() if client != API_CLIENT for role in roles}
    others |= {f"realm:{role}" for role in row.get("realmRoles") or []}
    return RoleGroupFacts(
        row["id"],
        row["name"],
        frozenset(by_client.get(API_CLIENT, [])),
        frozenset(others),
    )


# ---- people ---------------------------------------------------------------------------------------------------------


def person_body(intent: PersonIntent | OperatorIntent) -> Json:
    attributes = {"managed_by": [MANAGED_BY]}
    if isinstance(intent, PersonIntent):
        attributes["tenant_id"] = [str(intent.account_tenant_id)]
        attributes[SECOND_FACTOR] = [REQUIRED if intent.needs_second_factor else OPTIONAL]
    return {
        "username": intent.username,
        "email": intent.email.lower(),
        "firstName": intent.given_name,
        "lastName": intent.family_name,
        "enabled": intent.enabled,
        "attributes": attributes,
    }


def person_facts(row: Mapping[str, Any], groups: frozenset[str] | None = None) -> PersonFacts:
    second_factor = attribute(row, SECOND_FACTOR)
    return PersonFacts(
        id=row["id"],
        username=row["username"],
        email=row.get("email"),
        family_name=row.get("lastName"),
        given_name=row.get("firstName"),
        enabled=row["enabled"],
        tenant_id=attribute(row, "tenant_id"),
        managed_by=attribute(row, "managed_by"),
        groups=groups,
        needs_second_factor=None if second_factor is None else second_factor != OPTIONAL,
    )


def operator_facts(row: Mapping[str, Any], roles: frozenset[str]) -> OperatorFacts:
    return OperatorFacts(
        id=row["id"],
        username=row["username"],
        email=row.get("email"),
        family_name=row.get("lastName"),
        given_name=row.get("firstName"),
        enabled=row["enabled"],
        managed_by=attribute(row, "managed_by"),
        roles=roles,
    )


def person_changes(
    intent: PersonIntent | OperatorIntent, found: PersonFacts | OperatorFacts
) -> dict[str, tuple[object, object]]:
    """The fields that differ. Addresses are compared in lower case, as Keycloak stores them."""
    second_factor = {}
    if isinstance(intent, PersonIntent) and isinstance(found, PersonFacts) and found.needs_second_factor is not None:
        second_factor = {SECOND_FACTOR: (intent.needs_second_factor, found.needs_second_factor)}
    return _changed_fields(
        email=(intent.email.lower(), found.email),
        family_name=(intent.family_name, found.family_name),
        given_name=(intent.given_name, found.given_name),
        enabled=(intent.enabled, found.enabled),
        **second_factor,
    )


# ---- service clients ------------------------------------------------------------------------------------------------


def service_client_body(intent: ServiceClientIntent) -> Json:
    has_key = intent.secret_number is None
    keys = {"use.jwks.string": "true", "jwks.string": canonical_jwks(intent.jwks)} if has_key else {}
    return {
        "clientId": intent.client_id,
        "name": intent.name,
        "enabled": intent.enabled,
        "protocol": "openid-connect",
        "publicClient": False,
        "clientAuthenticatorType": "client-jwt" if has_key else "client-secret",
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "fullScopeAllowed": False,
        "attributes": {
            "tenant_id": str(intent.tenant_id),
            "managed_by": MANAGED_BY,
            **keys,
        },
        "defaultClientScopes": sorted(SERVICE_BASE_SCOPES | intent.scopes),
        "optionalClientScopes": [],
        "protocolMappers": [tenant_claim_mapper(str(intent.tenant_id))],
    }


def tenant_claim_mapper(tenant_id: str) -> Json:
    """Every token of the client names its tenant; the client cannot choose another."""
    return {
        "name": TENANT_CLAIM_MAPPER,
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": {
            "claim.name": "tenant_id",
            "claim.value": tenant_id,
            "jsonType.label": "String",
            "access.token.claim": "true",
            "id.token.claim": "false",
            "userinfo.token.claim": "false",
            "introspection.token.claim": "true",
        },
    }


def service_client_facts(row: Mapping[str, Any]) -> ServiceClientFacts:
    claims = [m for m in row.get("protocolMappers") or [] if m["config"].get("claim.name") == "tenant_id"]
    logs_in_otherwise = any(
        row.get(way)
        for way in (
            "publicClient",
            "standardFlowEnabled",
            "implicitFlowEnabled",
            "directAccessGrantsEnabled",
        )
    )
    jwks = attribute(row, "jwks.string")
    return ServiceClientFacts(
        id=row["id"],
        client_id=row["clientId"],
        name=row.get("name"),
        enabled=row["enabled"],
        jwks=canonical_jwks(jwks) if jwks else None,
        scopes=frozenset(row.get("defaultClientScopes") or ()) - _NO_SCOPES_OF_THEIRS,
        tenant_id=attribute(row, "tenant_id"),
        tenant_claim=claims[0]["config"].get("claim.value") if len(claims) == 1 else None,
        managed_by=attribute(row, "managed_by"),
        key_login_only=row.get("clientAuthenticatorType") == "client-jwt" and not logs_in_otherwise,
        full_scope=bool(row.get("fullScopeAllowed")),
        secret_login_only=row.get("clientAuthenticatorType") == "client-secret" and not logs_in_otherwise,
    )


def service_client_changes(intent: ServiceClientIntent, found: ServiceClientFacts) -> dict[str, tuple[object, object]]:
    has_key = intent.secret_number is None
    login: dict[str, tuple[object, object]] = (
        {"key_login_only": (True, found.key_login_only)}
        if has_key
        else {"secret_login_only": (True, found.secret_login_only)}
    )
    return _changed_fields(
        name=(intent.name, found.name),
        enabled=(intent.enabled, found.enabled),
        jwks=(canonical_jwks(intent.jwks) if has_key else None, found.jwks),
        scopes=(sorted(intent.scopes), sorted(found.scopes)),
        tenant_claim=(str(intent.tenant_id), found.tenant_claim),
        **login,
        full_scope=(False, found.full_scope),
    )


# ---- identity providers ---------------------------------------------------------------------------------------------

LINK_MAPPER = "moyai link"
_LINK_MAPPERS = {
    IdentityProviderKind.OIDC: ("oidc-username-idp-mapper", "CLAIM."),
    IdentityProviderKind.SAML: ("saml-username-idp-mapper", "ATTRIBUTE."),
}
NAME_ID = "NameID"
"""Stands for the subject of a SAML assertion, in the place of an attribute."""


def identity_provider_body(intent: IdentityProviderIntent, first_flow: str, later_flow: str) -> Json:
    """The identity provider; its name stands on no page, so that a login page lists no municipalities."""
    secret = {} if intent.secret is None else {"clientSecret": intent.secret}
    return {
        "alias": intent.alias,
        "displayName": intent.name,
        "providerId": intent.kind.value,
        "enabled": intent.enabled,
        "hideOnLogin": True,
        "linkOnly": False,
        "storeToken": False,
        "addReadTokenRoleOnCreate": False,
        # Names and addresses are Moyai's: nothing of what the identity provider says is copied.
        "trustEmail": False,
        "firstBrokerLoginFlowAlias": first_flow,
        "postBrokerLoginFlowAlias": later_flow,
        "config": {**intent.settings, **secret, "managed_by": MANAGED_BY, "tenant_id": str(intent.tenant_id)},
    }


def link_mapper(intent: IdentityProviderIntent) -> Json:
    """Whom the identity provider means: the e-mail address it gives, in lower case, is what people are linked by."""
    kind, prefix = _LINK_MAPPERS[intent.kind]
    return {
        "name": LINK_MAPPER,
        "identityProviderAlias": intent.alias,
        "identityProviderMapper": kind,
        "config": {"syncMode": "INHERIT", "target": "BROKER_ID", "template": _template(prefix, intent.claim)},
    }


def _template(prefix: str, claim: str) -> str:
    named = "NAMEID" if claim == NAME_ID else f"{prefix}{claim}"
    return f"${{{named} | lowercase}}"


def identity_provider_facts(row: Mapping[str, Any], mappers: Sequence[Mapping[str, Any]]) -> IdentityProviderFacts:
    config = row.get("config") or {}
    templates = [one["config"].get("template") for one in mappers if one["config"].get("target") == "BROKER_ID"]
    return IdentityProviderFacts(
        alias=row["alias"],
        kind=row["providerId"],
        name=row.get("displayName"),
        enabled=bool(row.get("enabled")),
        settings={name: value for name, value in config.items() if name != "clientSecret"},
        tenant_id=config.get("tenant_id"),
        managed_by=config.get("managed_by"),
        organization=row.get("organizationId"),
        hidden=bool(row.get("hideOnLogin")),
        flows=(row.get("firstBrokerLoginFlowAlias"), row.get("postBrokerLoginFlowAlias")),
        template=templates[0] if len(templates) == 1 else None,
    )


def identity_provider_changes(
    intent: IdentityProviderIntent, found: IdentityProviderFacts, flows: tuple[str, str]
) -> dict[str, tuple[object, object]]:
    """The fields that differ, each of the settings by its name. The secret cannot be compared."""
    pairs: dict[str, tuple[object, object]] = {
        name: (value, found.settings.get(name)) for name, value in intent.settings.items()
    }
    return _changed_fields(
        name=(intent.name, found.name),
        enabled=(intent.enabled, found.enabled),
        hidden=(True, found.hidden),
        flows=(flows, found.flows),
        template=(link_mapper(intent)["config"]["template"], found.template),
        **pairs,
    )


def session_facts(row: Mapping[str, Any]) -> SessionFacts:
    return SessionFacts(
        sid=row["id"],
        address=row.get("ipAddress") or None,
        began_at=_instant(row["start"]),
        last_used_at=_instant(row["lastAccess"]),
        clients=frozenset((row.get("clients") or {}).values()),
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def canonical_jwks(text: str) -> str:
    """The key set with its members in one order, so that equal sets are equal texts; other text stays as it is."""
    try:
        return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return text


def _changed_fields(**pairs: tuple[object, object]) -> dict[str, tuple[object, object]]:
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
