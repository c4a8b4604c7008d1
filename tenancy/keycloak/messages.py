"""Messages of what Keycloak refuses. Kept apart from what imports python-keycloak: screens word them, too."""

from __future__ import annotations

from governance.kernel.errors import message

ACCOUNT_NOT_AUTHORIZED = message(
    "keycloak.not_permitted",
    ja="Keycloak がアカウント {account} を受け付けないか、権限が足りません（{asked}）。",
    en="Keycloak does not know the account {account}, or it lacks permission ({asked}).",
    hint_ja="moyai keycloak configure を実行するか、管理クライアントの設定を確かめてください。",
    hint_en="Run `moyai keycloak configure`, or check that the administrator client is correct.",
)

ALREADY_EXISTS = message(
    "keycloak.taken",
    ja="同じ名前のものが Keycloak に既にあります（{asked}）。",
    en="Keycloak already has one with that name ({asked}).",
)

RESOURCE_MISSING = message(
    "keycloak.gone",
    ja="Keycloak 側で対象がなくなりました（{asked}）。",
    en="The object no longer exists in Keycloak ({asked}).",
    hint_ja="もう一度実行してください。続くときは moyai drift で確かめてください。",
    hint_en="Try again; if it persists, see `moyai drift`.",
)

REJECTED = message(
    "keycloak.rejected",
    ja="認証サービスが内容を受け付けませんでした: {answer}",
    en="Keycloak rejected this: {answer}",
)

BUSY = message(
    "keycloak.busy",
    ja="認証サービスが今は処理できません（応答 {status}）。",
    en="Keycloak cannot do this right now (status {status}).",
    hint_ja="しばらくして自動で再実行します。",
    hint_en="Moyai retries automatically.",
)

CHANGED_MEANWHILE = message(
    "keycloak.changed_meanwhile",
    ja="認証サービスで同じ対象が同時に変更されています（{asked}）。",
    en="Somebody else is changing the same object in Keycloak ({asked}).",
    hint_ja="しばらくして自動で再実行します。",
    hint_en="Moyai retries automatically.",
)

LANDING_UNKNOWN = message(
    "keycloak.landing_unknown",
    ja="Keycloak の設定が古く、ログイン画面の場所 {address} を知らないため、メールを送れません。",
    en="The set-up of Keycloak is out of date: it does not know {address}, so no mail was sent.",
    hint_ja="moyai keycloak configure を実行してから、もう一度送ってください。",
    hint_en="Run `moyai keycloak configure` and send it again.",
)

NO_RESPONSE = message(
    "keycloak.no_answer",
    ja="認証サービスから応答がありません。",
    en="Keycloak does not answer.",
    hint_ja="Keycloak が起動しているか、KEYCLOAK_URL を確かめてください。自動で再実行します。",
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
    hint_ja="参加手続の手順「権限の準備」を再実行してください。",
    hint_en="Run the onboarding step “role groups” again.",
)

ORGANIZATION_MISSING = message(
    "keycloak.organization_missing",
    ja="この参加団体の組織が Keycloak にありません。",
    en="The tenant has no organization in Keycloak.",
    hint_ja="参加手続の手順「ログイン用の団体登録」を再実行してください。",
    hint_en="Run the onboarding step “organization” again.",
)

ORGANIZATION_NOT_OURS = message(
    "keycloak.organization_not_ours",
    ja="組織 {alias} には Moyai の印（managed_by）がないか、同じ参加団体の組織が二つあります。",
    en="The organization {alias} does not carry Moyai's mark (managed_by), or the tenant has two.",
    hint_ja="Keycloak で確かめてください。Moyai が作っていないものは変えません。",
    hint_en="Check it in Keycloak. Moyai does not change what it did not create.",
)

ORGANIZATION_TAKEN = message(
    "keycloak.organization_taken",
    ja="組織「{title}」（{alias}）は Keycloak に既にあり、この参加団体のものではありません。",
    en="The organization “{title}” ({alias}) exists in Keycloak but does not belong to this tenant.",
    hint_ja="Keycloak で確かめ、不要であれば人の手で片づけてから、再実行してください。",
    hint_en="Check it in Keycloak; if it is not needed, remove it manually and try again.",
)

TOO_LONG = message(
    "keycloak.too_long",
    ja="{what} は {limit} 文字までです（{given} 文字あります）。",
    en="{what} may have at most {limit} characters; it has {given}.",
)

MAIL_NOT_SENT = message(
    "keycloak.mail_not_sent",
    ja="Keycloak からメールを送れませんでした。",
    en="Keycloak could not send the email.",
    hint_ja="メールサーバー（SMTP）の設定を確かめてください。",
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

IDENTITY_PROVIDER_NOT_OURS = message(
    "keycloak.identity_provider_not_ours",
    ja="IdP {alias} は Keycloak に既にあり、この参加団体のものではありません。",
    en="The identity provider {alias} exists in Keycloak but does not belong to this tenant.",
    hint_ja="Keycloak で確かめてください。Moyai が作っていないものは変えません。",
    hint_en="Check it in Keycloak. Moyai does not change what it did not create.",
)

KEY_MISSING = message(
    "keycloak.key_missing",
    ja="鍵のファイル {path} がありません。",
    en="The key file {path} is missing.",
    hint_ja="鍵のフォルダー（MOYAI_KEYS_DIR）が接続されているか確かめるか、"
    "ほかのサーバーまたはバックアップから写してください。"
    "最初のサーバーでは moyai keys create で作ります。",
    hint_en="Check that the folder of the keys (MOYAI_KEYS_DIR) is mounted, or copy it from another host or a backup. "
    "On the first host `moyai keys create` makes it.",
)

KEY_UNREADABLE = message(
    "keycloak.key_unreadable",
    ja="{path} は鍵のファイル（P-256 の秘密鍵、PEM）として読めません。",
    en="{path} cannot be read as a key file (a private key on P-256, PEM).",
    hint_ja="ほかのサーバーまたはバックアップの同じファイルに置き換え、所有者だけが読めるようにしてください。",
    hint_en="Replace it with the same file of another host or of the backup, readable by its owner alone.",
)

KEYS_NOT_WRITTEN = message(
    "keycloak.keys_not_written",
    ja="鍵のフォルダー {path} に書き込めません（{reason}）。",
    en="The folder of the keys {path} cannot be written ({reason}).",
    hint_ja="Moyai を動かす利用者がこのフォルダーに書き込めるようにし、空き容量を確かめて、もう一度実行してください。",
    hint_en="Let the user that runs Moyai write this folder, check the free space, and run the same command again.",
)

FOREIGN_KEYS = message(
    "keycloak.foreign_keys",
    ja="Keycloak には、このサーバーが持っていない鍵があります（{clients}）。"
    "別のサーバーの鍵なので、何も変更していません。",
    en="Keycloak holds keys that this host does not have ({clients}): another host's. Nothing was changed.",
    hint_ja="そのサーバーの鍵を写すか、MOYAI_KEYS_DIR で同じフォルダーを指定してください。"
    "鍵を失ったときだけ --replace-keys を付けます。ほかのサーバーではログインできなくなります。",
    hint_en="Copy that host's keys, or name the same folder with MOYAI_KEYS_DIR. Only if the keys are lost, add "
    "--replace-keys; hosts that have them can then sign nobody in.",
)

KEYS_NOT_ACCEPTED = message(
    "keycloak.keys_not_accepted",
    ja="Keycloak は、このサーバーの鍵（{path}）を受け付けません。",
    en="Keycloak does not accept the keys of this host ({path}).",
    hint_ja="ほかのサーバーの鍵を写すか、MOYAI_KEYS_DIR で同じフォルダーを指定してください。"
    "最初のサーバーでは moyai keycloak configure で登録します。",
    hint_en="Copy another host's keys, or name the same folder with MOYAI_KEYS_DIR. On the first host "
    "`moyai keycloak configure` registers them.",
)
