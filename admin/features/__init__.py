"""The one explicit list of features: what each adds to the console, the API and the command line.

A feature is a folder named after its subject: `pages*.py` (a Flask blueprint called `pages`), `api.py` (its
`ApiRoutes`, called `routes`), `cli*.py` (click groups), `templates/`. Nothing registers itself by being imported:
what is not listed here does not exist. The list holds names only, so that `moyai --help` imports no feature. Where a
feature's pages stand in the menu is said in `menu.py` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import click
    from flask import Blueprint

    from admin.interface.entry_points import EntryPoint


@dataclass(frozen=True, slots=True)
class CliCommand:
    """A top-level command, and one line of help in both languages. No help: hidden.

    `target` is `package.module:attribute`, a click command or the `ApiRoutes` from whose declarations it is derived.
    """

    target: str
    help: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `pages` are modules of its folder; `api` says that it has `api.py`; `cli` are top-level commands.

    `public` are modules of pages for people without an account, outside of the navigation.
    """

    name: str
    pages: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    api: bool = False
    cli: Mapping[str, CliCommand] = field(default_factory=dict)


def _cli(target: str, help: str = "") -> CliCommand:
    return CliCommand(f"admin.features.{target}", help)


FEATURES: Final[tuple[Feature, ...]] = (
    Feature(
        "system",
        pages=("pages",),
        api=True,
        cli={
            "run": _cli(
                "system.servers_cli:run",
                "すべてを起動し、例示データで主な仕事をして見せる / Start all, show the main job, serve.",
            ),
            "up": _cli("system.servers_cli:up", "すべてを背後で起動する / Start all in the background."),
            "down": _cli("system.servers_cli:down", "起動したものを停止する / Stop what was started."),
            "status": _cli("system.servers_cli:status", "動いているかを見る / See what runs."),
            "backup": _cli("system.backup_cli:backup", "全体のバックアップを取る / Save all into a folder."),
            "restore": _cli(
                "system.backup_cli:restore", "バックアップから復元する / Restore a backup into an empty MOYAI_HOME."
            ),
            "training": _cli("system.training_cli:training", "研修環境 / A training installation."),
            "supervise": _cli("system.servers_cli:supervise"),
            "web": _cli("system.processes_cli:web", "画面と API を提供する / Serve pages and API."),
            "migrate": _cli(
                "system.processes_cli:migrate", "表を最新の版にする / Bring the tables to the newest version."
            ),
            "worker": _cli("system.worker_cli:worker", "ジョブを処理する / Run jobs."),
            "keycloak": _cli("system.keycloak_cli:keycloak", "認証サービス / The identity server."),
            "keys": _cli("system.keys_cli:keys", "Moyai の鍵 / The keys of Moyai's own accounts."),
            "login": _cli("system.sign_in_cli:login", "本人としてログインする / Sign in as yourself."),
            "logout": _cli("system.sign_in_cli:logout", "ログインを終える / End the sign-in."),
            "whoami": _cli("system.sign_in_cli:whoami", "だれとして操作するかを見る / Say who acts."),
            "permissions": _cli(
                "system.permissions_cli:permissions", "権限の一覧 / Every permission, its roles, what asks for it."
            ),
            "openapi": _cli("system.openapi_cli:openapi", "API の定義 / The OpenAPI document."),
        },
    ),
    Feature("home", pages=("pages",)),
    Feature("search", pages=("pages",)),
    Feature("help", pages=("pages",)),
    Feature(
        "approvals",
        pages=("pages",),
        api=True,
        cli={
            "task": _cli("approvals.api:routes", "対応待ち / What waits for you."),
            "approval": _cli("approvals.api:routes", "承認 / Approvals."),
        },
    ),
    Feature(
        "tenants",
        pages=("pages", "import_pages"),
        api=True,
        cli={
            "operator": _cli(
                "tenants.operator_cli:operator", "運営者（県） / The operator, with whom an installation begins."
            ),
            "tenant": _cli("tenants.cli:tenant", "参加団体 / Tenants."),
        },
    ),
    Feature(
        "registry",
        pages=("pages",),
        api=True,
        cli={"registry": _cli("registry.api:routes", "参加団体台帳 / The register of who takes part.")},
    ),
    Feature(
        "applications",
        pages=("pages",),
        public=("apply_pages",),
        api=True,
        cli={"application": _cli("applications.cli:application", "利用申請 / Applications to take part.")},
    ),
    Feature(
        "people",
        pages=("pages", "import_pages", "roles_held_pages"),
        api=True,
        cli={"member": _cli("people.cli:member", "利用者 / People of a tenant.")},
    ),
    Feature(
        "access_reviews",
        pages=("pages",),
        api=True,
        cli={"access-review": _cli("access_reviews.cli:access_review", "権限の棚卸し / Access reviews.")},
    ),
    Feature(
        "clients",
        pages=("pages",),
        api=True,
        cli={"service-client": _cli("clients.api:routes", "連携システム / Service clients of a tenant.")},
    ),
    Feature(
        "scim",
        pages=("pages",),
        api=True,
        cli={"scim": _cli("scim.api:routes", "ディレクトリ連携 / The directory of a tenant (SCIM).")},
    ),
    Feature(
        "identity_providers",
        pages=("pages",),
        api=True,
        cli={
            "identity-provider": _cli("identity_providers.api:routes", "IdP 連携 / A tenant's own identity provider.")
        },
    ),
    Feature(
        "quotas",
        pages=("pages", "plan_pages"),
        api=True,
        cli={"quota": _cli("quotas.api:routes", "利用プランと利用枠 / Plans and quotas.")},
    ),
    Feature(
        "agreements",
        pages=("pages", "accept_pages"),
        api=True,
        cli={"agreement": _cli("agreements.api:routes", "協定と同意 / Agreements and acceptances.")},
    ),
    Feature(
        "announcements",
        pages=("pages",),
        api=True,
        cli={"announcement": _cli("announcements.api:routes", "お知らせ / Announcements to tenants.")},
    ),
    Feature(
        "preferences",
        pages=("pages",),
        api=True,
        cli={
            "preferences": _cli("preferences.api:routes", "自分の設定 / Your own preferences."),
            "filter": _cli("preferences.api:routes", "自分の絞り込み / Filters of lists that you keep."),
        },
    ),
    Feature(
        "memberships",
        pages=("pages",),
        api=True,
        cli={"membership": _cli("memberships.api:routes", "利用できる団体 / The tenants of your own account.")},
    ),
    Feature(
        "sign_in",
        pages=("pages",),
        api=True,
        cli={"session": _cli("sign_in.api:routes", "自分のセッション / The sessions you are signed in with.")},
    ),
    Feature(
        "break_glass",
        pages=("pages",),
        api=True,
        cli={"break-glass": _cli("break_glass.api:routes", "緊急時の操作 / The emergency role, for one hour.")},
    ),
    Feature(
        "cohorts",
        pages=("pages",),
        api=True,
        cli={"cohort": _cli("cohorts.cli:cohort", "参加期 / Cohorts: define, plan and apply.")},
    ),
    Feature(
        "onboarding",
        pages=("pages",),
        api=True,
        cli={"onboarding": _cli("onboarding.api:routes", "参加手続 / Onboardings.")},
    ),
    Feature(
        "mails",
        pages=("pages",),
        api=True,
        cli={
            "mail": _cli("mails.cli:mail", "送信控え / Stored emails."),
            "sent-mail": _cli("mails.api:routes", "メールの送信記録 / Mails and what became of them."),
        },
    ),
    Feature(
        "drift",
        pages=("pages",),
        api=True,
        cli={
            "drift": _cli("drift.api:routes", "意図と認証サービスの違い / Intent against the identity server."),
            "drift-check": _cli(
                "drift.api:routes", "毎晩の照合とその結果 / The nightly comparisons and what they found."
            ),
        },
    ),
    Feature(
        "rules",
        pages=("pages",),
        api=True,
        cli={"rule": _cli("rules.cli:rule", "負担金算定規程 / Rules and the decisions that adopt them.")},
    ),
    Feature("costs", pages=("pages",), api=True, cli={"cost": _cli("costs.api:routes", "経費 / Costs.")}),
    Feature(
        "allocation",
        pages=("pages",),
        api=True,
        cli={"allocation": _cli("allocation.compute_cli:allocation", "費用按分 / Cost allocation.")},
    ),
    Feature("notices", pages=("pages",), api=True, cli={"notice": _cli("notices.cli:notice", "納入通知書 / Notices.")}),
    Feature(
        "ledger",
        pages=("pages", "entry_pages"),
        api=True,
        cli={"ledger": _cli("ledger.cli:ledger", "元帳 / The ledger.")},
    ),
    Feature("audit", pages=("pages",), api=True, cli={"audit": _cli("audit.cli:audit", "監査記録 / The audit log.")}),
    Feature(
        "webhooks",
        pages=("pages",),
        api=True,
        cli={"webhook": _cli("webhooks.api:routes", "監査記録の送信先 / Webhooks: receivers of events.")},
    ),
    Feature("example", cli={"example": CliCommand("admin.example.cli:example", "例示データ / Example data.")}),
)


def blueprints() -> Iterator[Blueprint]:
    """The pages of every feature, imported now."""
    for feature in FEATURES:
        for module in feature.pages:
            yield import_module(f"admin.features.{feature.name}.{module}").pages


def public_blueprints() -> Iterator[Blueprint]:
    """The pages for people without an account, imported now."""
    for feature in FEATURES:
        for module in feature.public:
            yield import_module(f"admin.features.{feature.name}.{module}").pages


def api_routes() -> list[Any]:
    """Every API route, in the order of the features, imported now."""
    return [
        route
        for feature in FEATURES
        if feature.api
        for route in import_module(f"admin.features.{feature.name}.api").routes
    ]


def entry_points() -> dict[str, EntryPoint]:
    """Every entry point by the name of its command, imported now."""
    return {
        entry_point.handler.name: entry_point
        for feature in FEATURES
        if feature.api
        for entry_point in import_module(f"admin.features.{feature.name}.api").routes.entry_points
    }


def cli_commands() -> dict[str, CliCommand]:
    """Every top-level command by its name, in the order of the features."""
    return {name: command for feature in FEATURES for name, command in feature.cli.items()}


def all_cli_commands() -> dict[str, click.Command]:
    """Every top-level command by its name, imported now."""
    return {name: load_cli_command(name, command) for name, command in cli_commands().items()}


def load_cli_command(name: str, command: CliCommand) -> click.Command:
    """Import one command, or derive it."""
    module, _, attribute = command.target.partition(":")
    found: Any = getattr(import_module(module), attribute)
    if attribute == "routes":
        found = import_module("admin.interface.command_line").derive(name, command.help, found)
    made: click.Command = found
    return made
