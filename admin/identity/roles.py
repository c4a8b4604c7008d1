"""Effective roles: those that the token names *and* Moyai has granted. Pure.

Of a municipality's token only `organization.<alias>.resource_access["moyai-api"].roles` is read, never the merged roles
at the top, which mix tenants. Being a member of the organization is itself the role `tenant-member`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.permissions import OPERATOR_ROLES, TENANT_ROLES, Role
from tenancy.keycloak.port import Realm
from tenancy.keycloak.representations import API_CLIENT


def organization_in(claims: Mapping[str, Any], alias: str) -> Mapping[str, Any] | None:
    """What the token says about the tenant of this alias, or None: then the person is not a member there."""
    organizations = claims.get("organization")
    found = organizations.get(alias) if isinstance(organizations, Mapping) else None
    return found if isinstance(found, Mapping) else None


def roles_in_token(claims: Mapping[str, Any], realm: Realm, alias: str | None) -> frozenset[Role]:
    """The roles the token names, of the realm's own kind; others are ignored."""
    if realm is Realm.OPERATORS:
        return _named(claims) & OPERATOR_ROLES
    organization = None if alias is None else organization_in(claims, alias)
    if organization is None:
        return frozenset()
    return (_named(organization) & TENANT_ROLES) | {Role.TENANT_MEMBER}


def effective_roles(in_token: frozenset[Role], granted: frozenset[Role]) -> frozenset[Role]:
    """The intersection of token and grants, for `tenant-member` too."""
    return in_token & granted


def _named(place: Mapping[str, Any]) -> frozenset[Role]:
    access = place.get("resource_access")
    client = access.get(API_CLIENT) if isinstance(access, Mapping) else None
    names = client.get("roles") if isinstance(client, Mapping) else None
    known = {role.value for role in Role}
    return frozenset(Role(name) for name in names if name in known) if isinstance(names, list) else frozenset()
