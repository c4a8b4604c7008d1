"""The jobs of tenants' own identity providers: testing the connection, bringing one to Keycloak, linking people.

A job reads what is wanted when it runs, so that it may be repeated, and a later change is not undone by an earlier job.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode
from uuid import UUID

import structlog

from admin.operations.public_requests import Answer
from admin.workflows.jobs import Handler
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DependencyUnavailable, DomainError
from tenancy.keycloak.port import (
    EnsureOutcome,
    Identities,
    IdentityProviderIntent,
    IdentityProviderKind,
    redirect_address,
)
from tenancy.people.identity_providers.commands import APPLY_IDENTITY_PROVIDER, CHECK_IDENTITY_PROVIDER
from tenancy.people.identity_providers.metadata import (
    MAX_METADATA,
    NotUsable,
    ProviderMetadata,
    has_keys,
    read_discovery,
    read_saml,
)
from tenancy.people.identity_providers.queries import identity_provider_intent, linked_people, links_to_change
from tenancy.people.identity_providers.states import CheckProblem
from tenancy.people.identity_providers.sync import (
    ProviderToCheck,
    forget_links,
    provider_to_check,
    record_applied,
    record_check,
    record_link,
)

log = structlog.get_logger(__name__)

_TOKEN_REFUSALS: Final = frozenset({"invalid_client", "unauthorized_client"})
"""Errors of a token endpoint (RFC 6749, 5.2) that are about the client and not about the code."""


class Request(Protocol):
    """Makes one request to a public address (`admin.operations.public_requests`)."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int = 0
    ) -> Answer: ...


class IdentityProviderJobs:
    """`request` reaches the identity provider; `keycloak_url` is where it sends people back to."""

    def __init__(self, identities: Identities, request: Request, keycloak_url: str) -> None:
        self._identities = identities
        self._request = request
        self._keycloak_url = keycloak_url

    @property
    def handlers(self) -> dict[str, Handler]:
        """Job kind → its handler."""
        return {CHECK_IDENTITY_PROVIDER: self.check, APPLY_IDENTITY_PROVIDER: self.apply}

    def check(self, payload: dict[str, Any]) -> None:
        """Test the connection and keep what was found; one in use is brought to Keycloak as it is now."""
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            provider = provider_to_check(session, tenant_id)
        if provider is None:
            return
        found: ProviderMetadata | None = None
        problem: CheckProblem | None = None
        try:
            found = self._test(provider)
        except NotUsable as refused:
            problem = refused.problem
        with system_transaction(OPERATOR) as session:
            recorded = record_check(session, provider, found, problem, clock.now())
        log.info("identity_provider.checked", tenant=str(tenant_id), problem=problem and problem.value)
        if recorded:
            self.apply(payload)

    def apply(self, payload: dict[str, Any]) -> None:
        """Bring it to Keycloak: as it is wanted now, disabled, or deleted with its links. Safe to repeat.

        Whoever came in by one that is disabled or removed is logged out.
        """
        tenant_id = UUID(payload["tenant_id"])
        with system_transaction(OPERATOR) as session:
            wanted = identity_provider_intent(session, tenant_id, with_secret=True)
            provider = provider_to_check(session, tenant_id)
            if wanted is not None and wanted.enabled and provider is not None and provider.domain_problem is not None:
                record_check(session, provider, None, provider.domain_problem, clock.now())
                return
            people = linked_people(session, tenant_id)
        if wanted is None:
            self._identities.remove_identity_provider(tenant_id)
        else:
            ensure_identity_provider(self._identities, wanted)
        if wanted is None or not wanted.enabled:
            for person_id in people:
                self._log_out(person_id)
        if provider is not None and wanted is not None:
            with system_transaction(OPERATOR) as session:
                record_applied(session, provider)

    def link_people(self) -> None:
        """Let each enabled identity provider speak for the people of its tenant, and for nobody else."""
        with system_transaction(OPERATOR) as session:
            changes = links_to_change(session)
        for change in changes:
            present, wanted = change.present, change.wanted
            try:
                if present is not None and (wanted is None or wanted.keycloak_id != present.keycloak_id):
                    self._identities.remove_link(change.tenant_id, present.keycloak_id)
                if wanted is not None:
                    self._identities.ensure_linked(change.tenant_id, wanted.keycloak_id, wanted.name)
            except DependencyUnavailable:
                raise
            except DomainError as refused:
                # One person stops nobody else; the next round tries again.
                log.warning("identity_provider.not_linked", tenant=str(change.tenant_id), code=refused.code)
                continue
            with system_transaction(OPERATOR) as session:
                record_link(session, change, clock.now())

    # -- below

    def _test(self, provider: ProviderToCheck) -> ProviderMetadata:
        """What the identity provider says of itself, after its keys and the client were tried. Raises NotUsable."""
        if provider.domain_problem is not None:
            raise NotUsable(provider.domain_problem)
        text = provider.metadata
        if provider.metadata_url is not None:
            text = self._read(provider.metadata_url)
        if provider.kind is IdentityProviderKind.SAML:
            return read_saml(text or "", clock.today())
        found = read_discovery(text or "", provider.metadata_url or "")
        if found.keys_url is None or not has_keys(self._read(found.keys_url)):
            raise NotUsable(CheckProblem.NO_KEYS)
        self._try_client(provider, found)
        return found

    def _read(self, url: str) -> str:
        answer = self._request("GET", url, {"Accept": "*/*"}, most=MAX_METADATA + 1)
        if answer.problem is not None:
            raise NotUsable(CheckProblem(answer.problem.value))
        if answer.status != 200:
            raise NotUsable(CheckProblem.STATUS)
        if len(answer.body) > MAX_METADATA:
            raise NotUsable(CheckProblem.NOT_METADATA)
        try:
            return answer.body.decode()
        except UnicodeDecodeError:
            raise NotUsable(CheckProblem.NOT_METADATA) from None

    def _try_client(self, provider: ProviderToCheck, found: ProviderMetadata) -> None:
        """Ask for a token with a code that nobody issued: that is refused, unless the client is. Raises NotUsable."""
        if provider.secret is None or provider.client_id is None:
            raise NotUsable(CheckProblem.NO_SECRETS_KEY)
        form = {"grant_type": "authorization_code", "code": secrets.token_urlsafe(16), "code_verifier": "v" * 43}
        form["redirect_uri"] = redirect_address(self._keycloak_url, provider.tenant_id)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if found.settings["clientAuthMethod"] == "client_secret_basic":
            named = f"{quote(provider.client_id, safe='')}:{quote(provider.secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(named.encode()).decode()}"
        else:
            form |= {"client_id": provider.client_id, "client_secret": provider.secret}
        answer = self._request("POST", found.token_url or "", headers, urlencode(form).encode(), most=16_384)
        if answer.problem is not None:
            raise NotUsable(CheckProblem(answer.problem.value))
        if answer.status == 401 or any(f'"{word}"'.encode() in answer.body for word in _TOKEN_REFUSALS):
            raise NotUsable(CheckProblem.CLIENT_REFUSED)
        if answer.status != 400:
            raise NotUsable(CheckProblem.STATUS)

    def _log_out(self, person_id: UUID) -> None:
        try:
            self._identities.log_out(person_id)
        except DependencyUnavailable:
            raise
        except DomainError as refused:
            log.info("identity_provider.not_logged_out", code=refused.code)


def ensure_identity_provider(identities: Identities, wanted: IdentityProviderIntent) -> None:
    """Bring it to Keycloak; where it was made anew, nobody is linked to it there, and everybody is linked again."""
    if identities.ensure_identity_provider(wanted).outcome is EnsureOutcome.CREATED:
        with system_transaction(OPERATOR) as session:
            forget_links(session, wanted.tenant_id)
