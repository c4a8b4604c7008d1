"""The commands of a tenant's own identity provider: registered, checked, enabled, disabled, removed.

None of them asks anybody on the network: jobs do (`admin.workflows.identity_providers`), and write what came of it.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.derived_secrets import secrets_key
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message, require_found
from governance.kernel.field_types import Id, LongLine, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from governance.sealed_secrets import seal
from tenancy.keycloak.port import IdentityProviderKind
from tenancy.people.identity_providers.fields import Claim, Domains, MetadataAddress, SamlMetadata, Secret, read_domains
from tenancy.people.identity_providers.metadata import DISCOVERY
from tenancy.people.identity_providers.queries import IDENTITY_PROVIDER, SECRET_FORM, is_checked
from tenancy.people.identity_providers.states import CheckProblem, IdentityProviderState
from tenancy.people.identity_providers.tables import IdentityProvider
from tenancy.tenants.queries import lock_tenant

CHECK_IDENTITY_PROVIDER: Final = "identity_provider.check"
"""The job that checks the identity provider of `tenant_id`."""

APPLY_IDENTITY_PROVIDER: Final = "identity_provider.apply"
"""The job that brings the identity provider of `tenant_id` to Keycloak as it is wanted now."""

OF_THE_OPERATOR = message(
    "identity_provider.of_the_operator",
    ja="運営者の利用者は、IdP ではログインできません。",
    en="People of the operator do not log in with an identity provider of their own.",
)
REGISTERED_ALREADY = message(
    "identity_provider.registered_already",
    ja="この団体の IdP は、すでに登録されています。",
    en="This tenant has an identity provider already.",
    hint_ja="別の IdP にするときは、先に今の登録を削除してください。",
    hint_en="To use another one, remove it first.",
)
KEY_MISSING = message(
    "identity_provider.key_missing",
    ja="シークレットを封印する鍵（監査記録の封印の鍵）がまだないか、読み取れません。",
    en="The key that seals the secret, which is that of the audit log, is missing or cannot be read.",
    hint_ja="運営者に、moyai worker を起動するか、鍵のファイルをバックアップから戻すよう依頼してください。",
    hint_en="Ask the operator to start `moyai worker`, or to restore the file of the key from the backup.",
)
URL_OF_OIDC = message(
    "identity_provider.url_of_oidc",
    ja="OpenID Connect では、{ending} で終わるアドレスが必要です。",
    en="OpenID Connect needs an address that ends in {ending}.",
)
CLIENT_OF_OIDC = message(
    "identity_provider.client_of_oidc",
    ja="OpenID Connect では、クライアント ID とシークレットの両方が必要です。",
    en="OpenID Connect needs both a client id and a secret.",
)
NO_CLIENT_OF_SAML = message(
    "identity_provider.no_client_of_saml",
    ja="SAML では、クライアント ID とシークレットは使いません。",
    en="SAML uses no client id and no secret.",
)
METADATA_ONCE = message(
    "identity_provider.metadata_once",
    ja="SAML では、メタデータのアドレスか XML のどちらか一方を入力してください。",
    en="For SAML give either the address of the metadata or their XML.",
)
NO_XML_OF_OIDC = message(
    "identity_provider.no_xml_of_oidc",
    ja="OpenID Connect では、XML のメタデータは使いません。",
    en="OpenID Connect uses no XML metadata.",
)
NOT_CHECKED = message(
    "identity_provider.not_checked",
    ja="接続を確認してから、利用を始めてください。",
    en="Check the connection before it is used.",
)
CHECK_FAILED = message(
    "identity_provider.check_failed",
    ja="接続の確認で問題が見つかっています: {problem}。",
    en="The check found a problem: {problem}.",
    hint_ja="直してから、もう一度接続を確認してください。",
    hint_en="Mend it and check again.",
)
ENABLED_ALREADY = message(
    "identity_provider.enabled_already",
    ja="この IdP は、すでに利用中です。",
    en="This identity provider is enabled already.",
)
NOT_ENABLED = message(
    "identity_provider.not_enabled",
    ja="この IdP は、利用中ではありません（状態: {state}）。",
    en="This identity provider is not enabled; it is {state}.",
)
NO_SECRET_OF_SAML = message(
    "identity_provider.no_secret_of_saml",
    ja="SAML の IdP には、シークレットがありません。",
    en="A SAML identity provider has no secret.",
)

TenantId = Annotated[Id, Input("団体", "Tenant")]


class RegisterIdentityProvider(Command):
    """A tenant's own identity provider: where its metadata stand, what it calls Moyai, and whose addresses it knows."""

    tenant_id: TenantId
    kind: Annotated[IdentityProviderKind, Input("方式", "Protocol")]
    name: Annotated[PlainLine, Input("名称", "Name", Label("例: 職員認証基盤", "as in: staff sign-in"))]
    metadata_url: Annotated[MetadataAddress | None, Input("メタデータのアドレス", "Address of the metadata")] = None
    metadata: Annotated[
        SamlMetadata | None,
        Input(
            "メタデータ（XML）",
            "Metadata (XML)",
            Label(
                "SAML で、アドレスを公開していないときに貼り付けます",
                "for SAML, where the metadata stand at no public address",
            ),
        ),
    ] = None
    client_id: Annotated[
        PlainLine | None,
        Input(
            "クライアント ID",
            "Client id",
            Label("OpenID Connect のときだけ", "for OpenID Connect only"),
        ),
    ] = None
    secret: Annotated[
        Secret | None,
        Input(
            "シークレット",
            "Secret",
            Label(
                "OpenID Connect のときだけ。封印して保存し、表示しません",
                "for OpenID Connect only; it is sealed and not shown again",
            ),
        ),
    ] = None
    claim: Annotated[
        Claim,
        Input(
            "メールアドレスのクレーム",
            "Claim with the e-mail address",
            Label(
                "本人が変えられないものにしてください。例: email、preferred_username。SAML では属性名か NameID",
                "one that people cannot change themselves, as email or preferred_username; for SAML an attribute, or "
                "NameID",
            ),
            start=lambda: "email",
        ),
    ] = "email"
    domains: Annotated[Domains, Input("メールアドレスのドメイン", "E-mail domains")]


class IdentityProviderRegistered(Result):
    """`job_id` is the job that checks it for the first time."""

    tenant_id: UUID
    job_id: UUID


@handles(Permission.IDENTITY_PROVIDER_REGISTER, Event.IDENTITY_PROVIDER_REGISTERED)
def register_identity_provider(ctx: CommandContext, command: RegisterIdentityProvider) -> IdentityProviderRegistered:
    """Register the tenant's own identity provider; a job checks it. Nobody can log in with it before it is enabled.

    Raises Invalid for what does not fit its protocol, NotFound, Conflict for the operator, where there is one already,
    and without the key that seals the secret.
    """
    _require_fitting(command)
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator:
        raise Conflict(OF_THE_OPERATOR, field="tenant_id")
    domains = read_domains(command.domains)
    if _find(ctx.session, tenant.id) is not None:
        raise Conflict(REGISTERED_ALREADY)
    provider_id = new_id()
    ctx.session.add(
        IdentityProvider(
            id=provider_id,
            tenant_id=tenant.id,
            kind=command.kind.value,
            name=command.name,
            metadata_url=command.metadata_url,
            metadata_text=command.metadata,
            client_id=command.client_id,
            sealed_secret=None if command.secret is None else _sealed(provider_id, command.secret),
            claim=command.claim,
            domains=list(domains),
            state=IdentityProviderState.REGISTERED.value,
            version=1,
            registered_by=ctx.actor.id,
            registered_at=ctx.now,
        )
    )
    ctx.session.flush()
    job_id = _enqueue(ctx, CHECK_IDENTITY_PROVIDER, tenant.id)
    ctx.audit(
        subject=tenant.id, tenant_id=tenant.id, kind=command.kind.value, name=command.name, domains=", ".join(domains)
    )
    return IdentityProviderRegistered(tenant_id=tenant.id, job_id=job_id)


class SetIdentityProviderSecret(Command):
    """The next secret of the tenant's identity provider, before the present one ends there."""

    tenant_id: TenantId
    secret: Annotated[
        Secret,
        Input(
            "新しいシークレット",
            "New secret",
            Label("封印して保存し、表示しません", "it is sealed and not shown again"),
        ),
    ]


class IdentityProviderSecretSet(Result):
    """`job_id` is the job that checks it, and brings it to Keycloak where the identity provider is in use."""

    tenant_id: UUID
    job_id: UUID


@handles(
    Permission.IDENTITY_PROVIDER_SET_SECRET, Event.IDENTITY_PROVIDER_SECRET_SET, edits="identity provider {tenant_id}"
)
def set_identity_provider_secret(ctx: CommandContext, command: SetIdentityProviderSecret) -> IdentityProviderSecretSet:
    """Use another secret from now on. It is checked first: a wrong one does not replace the present one in Keycloak.

    Raises NotFound, Conflict for SAML and without the key that seals it.
    """
    row = _lock(ctx.session, command.tenant_id)
    if row.kind != IdentityProviderKind.OIDC:
        raise Conflict(NO_SECRET_OF_SAML, field="secret")
    row.sealed_secret = _sealed(row.id, command.secret)
    row.version += 1
    ctx.session.flush()
    job_id = _enqueue(ctx, CHECK_IDENTITY_PROVIDER, row.tenant_id)
    ctx.audit(subject=row.tenant_id, tenant_id=row.tenant_id, name=row.name)
    return IdentityProviderSecretSet(tenant_id=row.tenant_id, job_id=job_id)


class CheckIdentityProvider(Command):
    """The tenant's identity provider, whose connection is tested."""

    tenant_id: TenantId


class IdentityProviderCheckRequested(Result):
    """`job_id` is the job that checks it; what it finds is read with the identity provider."""

    tenant_id: UUID
    job_id: UUID


@handles(Permission.IDENTITY_PROVIDER_CHECK, Event.IDENTITY_PROVIDER_CHECKED)
def check_identity_provider(ctx: CommandContext, command: CheckIdentityProvider) -> IdentityProviderCheckRequested:
    """Read its metadata and keys anew, and try the client id and secret. Logins are not affected. Raises NotFound."""
    row = _lock(ctx.session, command.tenant_id)
    job_id = _enqueue(ctx, CHECK_IDENTITY_PROVIDER, row.tenant_id)
    ctx.audit(subject=row.tenant_id, tenant_id=row.tenant_id, name=row.name)
    return IdentityProviderCheckRequested(tenant_id=row.tenant_id, job_id=job_id)


class EnableIdentityProvider(Command):
    """The tenant's identity provider, with which its people log in from now on."""

    tenant_id: TenantId


class IdentityProviderEnabled(Result):
    """`job_id` is the job that brings it to Keycloak and links people."""

    tenant_id: UUID
    job_id: UUID


@handles(Permission.IDENTITY_PROVIDER_ENABLE, Event.IDENTITY_PROVIDER_ENABLED, edits="identity provider {tenant_id}")
def enable_identity_provider(ctx: CommandContext, command: EnableIdentityProvider) -> IdentityProviderEnabled:
    """Let the tenant's people log in with it. Raises NotFound, Conflict unless the last check found nothing wrong."""
    row = _lock(ctx.session, command.tenant_id)
    if row.state == IdentityProviderState.ENABLED:
        raise Conflict(ENABLED_ALREADY)
    if row.check_problem is not None:
        raise Conflict(CHECK_FAILED, problem=CheckProblem(row.check_problem))
    if not is_checked(row):
        raise Conflict(NOT_CHECKED)
    row.state = IdentityProviderState.ENABLED.value
    # Until the job has brought it there a sign-in does not begin at it.
    row.applied_version = None
    ctx.session.flush()
    job_id = _enqueue(ctx, APPLY_IDENTITY_PROVIDER, row.tenant_id)
    ctx.audit(subject=row.tenant_id, tenant_id=row.tenant_id, name=row.name)
    return IdentityProviderEnabled(tenant_id=row.tenant_id, job_id=job_id)


class DisableIdentityProvider(Command):
    """The tenant's identity provider, with which nobody logs in from now on, and why."""

    tenant_id: TenantId
    reason: Annotated[LongLine, Input("理由", "Reason")]


class IdentityProviderDisabled(Result):
    """`job_id` is the job that disables it in Keycloak and logs people out."""

    tenant_id: UUID
    job_id: UUID


@handles(Permission.IDENTITY_PROVIDER_DISABLE, Event.IDENTITY_PROVIDER_DISABLED, edits="identity provider {tenant_id}")
def disable_identity_provider(ctx: CommandContext, command: DisableIdentityProvider) -> IdentityProviderDisabled:
    """Let nobody in with it; people go on with their password. Raises NotFound, Conflict unless it is enabled."""
    row = _lock(ctx.session, command.tenant_id)
    if row.state != IdentityProviderState.ENABLED:
        raise Conflict(NOT_ENABLED, state=IdentityProviderState(row.state))
    row.state = IdentityProviderState.DISABLED.value
    ctx.session.flush()
    job_id = _enqueue(ctx, APPLY_IDENTITY_PROVIDER, row.tenant_id)
    ctx.audit(subject=row.tenant_id, tenant_id=row.tenant_id, name=row.name, reason=command.reason)
    return IdentityProviderDisabled(tenant_id=row.tenant_id, job_id=job_id)


class RemoveIdentityProvider(Command):
    """The tenant's identity provider that is not used any more, and why."""

    tenant_id: TenantId
    reason: Annotated[LongLine, Input("理由", "Reason")]


class IdentityProviderRemoved(Result):
    """`job_id` is the job that deletes it in Keycloak with every link, and logs people out."""

    tenant_id: UUID
    job_id: UUID


@handles(Permission.IDENTITY_PROVIDER_REMOVE, Event.IDENTITY_PROVIDER_REMOVED, edits="identity provider {tenant_id}")
def remove_identity_provider(ctx: CommandContext, command: RemoveIdentityProvider) -> IdentityProviderRemoved:
    """Remove it with its secret; people stay and go on with their password. Raises NotFound."""
    row = _lock(ctx.session, command.tenant_id)
    name, tenant_id = row.name, row.tenant_id
    ctx.session.execute(delete(IdentityProvider).where(IdentityProvider.id == row.id))
    job_id = _enqueue(ctx, APPLY_IDENTITY_PROVIDER, tenant_id)
    ctx.audit(subject=tenant_id, tenant_id=tenant_id, name=name, reason=command.reason)
    return IdentityProviderRemoved(tenant_id=tenant_id, job_id=job_id)


def _require_fitting(command: RegisterIdentityProvider) -> None:
    """Raise Invalid for what the protocol needs and is missing, or for what it has no use for."""
    if command.kind is IdentityProviderKind.SAML:
        if command.client_id is not None or command.secret is not None:
            raise Invalid(NO_CLIENT_OF_SAML, field="secret" if command.client_id is None else "client_id")
        if (command.metadata_url is None) == (command.metadata is None):
            raise Invalid(METADATA_ONCE, field="metadata_url")
        return
    if command.metadata is not None:
        raise Invalid(NO_XML_OF_OIDC, field="metadata")
    if command.metadata_url is None or not command.metadata_url.endswith(DISCOVERY):
        raise Invalid(URL_OF_OIDC, field="metadata_url", ending=DISCOVERY)
    if command.client_id is None or command.secret is None:
        raise Invalid(CLIENT_OF_OIDC, field="client_id" if command.client_id is None else "secret")


def _enqueue(ctx: CommandContext, job: str, tenant_id: UUID) -> UUID:
    return ctx.enqueue(job, {"tenant_id": str(tenant_id)}, tenant_id=tenant_id)


def _sealed(provider_id: UUID, secret: str) -> str:
    key = secrets_key()
    if key is None:
        raise Conflict(KEY_MISSING)
    return seal(key, SECRET_FORM, provider_id, secret)


def _find(session: Session, tenant_id: UUID) -> IdentityProvider | None:
    query = select(IdentityProvider).where(IdentityProvider.tenant_id == tenant_id).with_for_update()
    return session.scalars(query).first()


def _lock(session: Session, tenant_id: UUID) -> IdentityProvider:
    """The tenant's identity provider, its row locked. Raises NotFound, also for an unknown tenant."""
    tenant = lock_tenant(session, tenant_id)
    return require_found(_find(session, tenant.id), what=IDENTITY_PROVIDER, given=tenant_id, field="tenant_id")
