"""Messages of what Keycloak refuses. Kept apart from what imports python-keycloak: screens word them, too."""

from __future__ import annotations

from governance.kernel.errors import message

ACCOUNT_NOT_AUTHORIZED = message(
    "keycloak.not_permitted",
    ja="Keycloak がアカウント {account} を受け付けないか、権限が足りません({asked})。",
    en="Keycloak does not know the account {account}, or it lacks permission ({asked}).",
    hint_ja="moyai keycloak configure を実行するか、管理クライアントの設定を確かめてください。",
    hint_en="Run `moyai keycloak configure`, or check that the administrator client is correct.",
)

ALREADY_EXISTS = message(
    "keycloak.taken",
    ja="同じ名前のものが Keycloak に既にあります({asked})。",
    en="Keycloak already has one with that name ({asked}).",
)

RESOURCE_MISSING = message(
    "keycloak.gone",
    ja="Keycloak 側で対象がなくなりました({asked})。",
    en="The object no longer exists in Keycloak ({asked}).",
    hint_ja="もう一度実行してください。続くときは moyai drift で確かめてください。",
    hint_en="Try again; if it persists, see `moyai drift`.",
)

REJECTED = message(
    "keycloak.rejected",
    ja="認証サーバ(Keycloak)が内容を受け付けませんでした: {answer}",
    en="Keycloak rejected this: {answer}",
)

BUSY = message(
    "keycloak.busy",
    ja="認証サーバ(Keycloak)が今は処理できません(応答 {status})。",
    en="Keycloak cannot do this right now (status {status}).",
    hint_ja="しばらくして自動でやり直します。",
    hint_en="Moyai retries automatically.",
)

CHANGED_MEANWHILE = message(
    "keycloak.changed_meanwhile",
    ja="認証サーバ(Keycloak)で同じ対象が同時に変更されています({asked})。",
    en="Somebody else is changing the same object in Keycloak ({asked}).",
    hint_ja="しばらくして自動でやり直します。",
    hint_en="Moyai retries automatically.",
)

NO_RESPONSE = message(
    "keycloak.no_answer",
    ja="認証サーバ(Keycloak)から応答がありません。",
    en="Keycloak does not answer.",
    hint_ja="Keycloak が起動しているか、KEYCLOAK_URL を確かめてください。自動でやり直します。",
    hint_en="Check that Keycloak is running and that KEYCLOAK_URL is correct. Moyai retries automatically.",
)

NOT_CONFIGURED = message(
    "keycloak.not_configured",
    ja="Keycloak のレルム {realm} に {missing} がありません。",
    en="The Keycloak realm {realm} has no {missing}.",
    hint_ja="moyai keycloak configure を実行してください。",
    hint_en="Run moyai keycloak configure.",
)

MEMBERS_LEFT = message(
    "keycloak.members_left",
    ja="組織にまだ利用者が {count} 人います。先に外してください。",
    en="The organization still has {count} members; remove them first.",
)

ROLE_GROUP_MISSING = message(
    "keycloak.role_group_missing",
    ja="この参加団体の組織に役割グループ {missing} がありません。",
    en="The tenant's organization has no role group {missing}.",
    hint_ja="参加手続きの「役割グループ」の段階をやり直してください。",
    hint_en="Run the onboarding step “role groups” again.",
)

ORGANIZATION_MISSING = message(
    "keycloak.organization_missing",
    ja="この参加団体の組織が Keycloak にありません。",
    en="The tenant has no organization in Keycloak.",
    hint_ja="参加手続きの「組織」の段階をやり直してください。",
    hint_en="Run the onboarding step “organization” again.",
)

ORGANIZATION_NOT_OURS = message(
    "keycloak.organization_not_ours",
    ja="組織 {alias} には Moyai の印(managed_by)がないか、同じ参加団体の組織が二つあります。",
    en="The organization {alias} does not carry Moyai's mark (managed_by), or the tenant has two.",
    hint_ja="Keycloak で確かめてください。Moyai が作っていないものは変えません。",
    hint_en="Check it in Keycloak. Moyai does not change what it did not create.",
)

ORGANIZATION_TAKEN = message(
    "keycloak.organization_taken",
    ja="組織「{title}」({alias})は Keycloak に既にあり、この参加団体のものではありません。",
    en="The organization “{title}” ({alias}) exists in Keycloak but does not belong to this tenant.",
    hint_ja="Keycloak で確かめ、不要であれば人の手で片づけてから、やり直してください。",
    hint_en="Check it in Keycloak; if it is not needed, remove it manually and try again.",
)

TOO_LONG = message(
    "keycloak.too_long",
    ja="{what} は {limit} 文字までです({given} 文字あります)。",
    en="{what} may have at most {limit} characters; it has {given}.",
)

MAIL_NOT_SENT = message(
    "keycloak.mail_not_sent",
    ja="Keycloak からメールを送れませんでした。",
    en="Keycloak could not send the email.",
    hint_ja="メールサーバ(SMTP)の設定を確かめてください。",
    hint_en="Check the settings of the mail server (SMTP).",
)

UNKNOWN_ROLE = message(
    "keycloak.unknown_role",
    ja="役割 {given} はありません。",
    en="Unknown role {given}.",
)

PERSON_MISSING = message(
    "keycloak.person_missing",
    ja="利用者 {username} は Keycloak にいません。",
    en="Keycloak has no user {username}.",
)

PERSON_NOT_OURS = message(
    "keycloak.person_not_ours",
    ja="利用者 {username} は Keycloak にありますが、この参加団体のものではありません。",
    en="The user {username} exists in Keycloak but does not belong to this tenant.",
    hint_ja="Keycloak で確かめてください。Moyai が作っていないものは変えません。",
    hint_en="Check it in Keycloak. Moyai does not change what it did not create.",
)

EMAIL_TAKEN = message(
    "keycloak.email_taken",
    ja="メールアドレス {email} は既に別の利用者が使っています。",
    en="The address {email} is already used by someone else.",
    hint_ja="別のアドレスにするか、Keycloak でその利用者を確かめてください。",
    hint_en="Use another address, or check that user in Keycloak.",
)

UNKNOWN_SCOPE = message(
    "keycloak.unknown_scope",
    ja="利用できない権限の範囲です: {given}。使えるのは {known} です。",
    en="Unknown scope {given}; the known ones are {known}.",
)

CLIENT_NOT_OURS = message(
    "keycloak.client_not_ours",
    ja="クライアント {client_id} は Keycloak に既にあり、この参加団体のものではありません。",
    en="The client {client_id} exists in Keycloak but does not belong to this tenant.",
    hint_ja="Keycloak で確かめてください。Moyai が作っていないものは変えません。",
    hint_en="Check it in Keycloak. Moyai does not change what it did not create.",
)
