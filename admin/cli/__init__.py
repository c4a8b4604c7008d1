"""The command line: `moyai …`. Each command builds an order and calls the house; it decides nothing itself.

One file a topic, listed once below and imported only when asked for, because `moyai --help` must not wait for a
database driver. `admin.cli.answers` says how every command answers.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from admin.cli.answers import answer_usage_error

TOPICS: dict[str, tuple[str, str]] = {
    "run": (
        "admin.cli.servers:run",
        "すべてを起動し、例示データで主な仕事をして見せる / Start all, show the main job, serve.",
    ),
    "up": ("admin.cli.servers:up", "すべてを背後で起動する / Start all in the background."),
    "down": ("admin.cli.servers:down", "起動したものを停止する / Stop what was started."),
    "status": ("admin.cli.servers:status", "動いているかを見る / See what runs."),
    "supervise": ("admin.cli.servers:supervise", ""),
    "worker": ("admin.cli.worker:worker", "ジョブを処理する / Carry jobs out."),
    "keycloak": ("admin.cli.keycloak:keycloak", "認証サーバ / The identity server."),
    "operator": ("admin.cli.operator:operator", "運営者（県） / The operator, with whom an installation begins."),
    "tenant": ("admin.cli.tenant_editing:tenant", "参加団体 / Tenants."),
    "member": ("admin.cli.members:member", "利用者 / People of a tenant."),
    "client": ("admin.cli.clients:client", "API利用者（システム） / Service clients of a tenant."),
    "quota": ("admin.cli.quotas:quota", "利用プランと利用枠 / Plans and quotas."),
    "agreement": ("admin.cli.agreements:agreement", "協定と同意 / Agreements and acceptances."),
    "cohort": ("admin.cli.cohort:cohort", "参加年度グループ / Cohorts: define, plan and apply."),
    "onboarding": ("admin.cli.onboarding:onboarding", "参加手続き / Onboardings."),
    "drift": ("admin.cli.drift:drift", "意図と認証サーバの違い / Intent against the identity server."),
    "rule": ("admin.cli.costs:rule", "運用ルール / Rules and the decisions that adopt them."),
    "cost": ("admin.cli.costs:cost", "経費 / Costs."),
    "allocation": ("admin.cli.runs:allocation", "費用按分 / Cost allocation."),
    "notice": ("admin.cli.runs:notice", "納入通知書 / Notices."),
    "ledger": ("admin.cli.ledger:ledger", "元帳 / The ledger."),
    "audit": ("admin.cli.audit:audit", "監査記録 / The audit record."),
    "example": ("admin.cli.example:example", "例示データ / Example data."),
    "permissions": ("admin.cli.permissions:permissions", "権限の一覧 / Every permission, who has it, what asks it."),
    "openapi": ("admin.cli.openapi:openapi", "API の定義 / The OpenAPI document."),
}
"""Every command, the place it is written, and one line of help. No line: an inner command, not listed."""


class _Topics(click.Group):
    """Knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(TOPICS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in TOPICS:
            return None
        module, _, name = TOPICS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in TOPICS.items() if line])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        if not named.get("standalone_mode", True):
            return super().main(given, *rest, **named)
        try:
            code = super().main(given, *rest, **{**named, "standalone_mode": False})
        except click.UsageError as error:
            sys.exit(answer_usage_error(error, as_json="--json" in given))
        except click.Abort:
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=_Topics, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="moyai", prog_name="moyai")
def main() -> None:
    """催合 Moyai: 共同利用基盤の参加団体・権限・費用を扱う / Who takes part, what each may use, who pays what.

    終了コード / Exit codes: 0 完了・一致 done · 1 拒否・相違 refused, differs · 2 入力の誤り wrong usage ·
    3 接続不能 unreachable
    """
