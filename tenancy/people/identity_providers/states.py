"""The states of a tenant's own identity provider, and what a check of it may find wrong."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class IdentityProviderState(LabelledEnum):
    """Registered until it is enabled for the first time. Only an enabled one lets people in."""

    REGISTERED = "registered", "登録済み", "registered"
    ENABLED = "enabled", "利用中", "enabled"
    DISABLED = "disabled", "停止中", "disabled"


class CheckProblem(LabelledEnum):
    """What a check found wrong. Whoever registered it mends it; nothing is used before."""

    DOMAIN_OF_ANOTHER = (
        "domain-of-another",
        "メールアドレスのドメインを、ほかの団体の利用者が使っています",
        "people of another tenant use the e-mail domain",
    )
    NAME_UNKNOWN = "name-unknown", "アドレスの名前が見つかりません", "its name is not known"
    NOT_PUBLIC = (
        "not-public",
        "公開されていないアドレスが含まれています",
        "one of its addresses is not a public one",
    )
    UNREACHABLE = "unreachable", "接続できません", "it cannot be reached"
    CERTIFICATE = "certificate", "https の証明書を確認できません", "its https certificate is not valid"
    TOO_SLOW = "too-slow", "時間内に応答がありません", "it does not answer in time"
    STATUS = "status", "正常な応答がありません", "its answer is an error"
    NOT_METADATA = (
        "not-metadata",
        "メタデータとして読めません",
        "what it answers cannot be read as metadata",
    )
    ISSUER_DIFFERS = (
        "issuer-differs",
        "メタデータの発行者（issuer）がアドレスと合いません",
        "the issuer in the metadata does not match its address",
    )
    NO_KEYS = "no-keys", "署名を確かめる鍵がありません", "it has no key to verify signatures with"
    KEYS_OVER = "keys-over", "署名の証明書の期限が切れています", "its signing certificate has expired"
    CLIENT_REFUSED = (
        "client-refused",
        "クライアント ID かシークレットを IdP が受け付けません",
        "it does not accept the client id or the secret",
    )
    NO_SECRETS_KEY = (
        "no-secrets-key",
        "シークレットを読み出す鍵がありません",
        "the key that reads the secret is missing",
    )
