"""The command line: `moyai …`. The commands stand in the features; this module is their root.

A command is imported only when it is called, because `moyai --help` must not wait for a database driver.
`admin.interface.output` says how every command answers.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from admin.features import cli_commands, load_cli_command
from governance.kernel.start import require_own_packages

if TYPE_CHECKING:
    from flask import Flask

    from admin.operations.settings import Settings


FORMER_COMMANDS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("client",): ("service-client",),
    ("quota", "choose"): ("quota", "assign"),
    ("tenant", "figure"): ("tenant", "statistic"),
    ("tenant", "move"): ("tenant", "change-state"),
}
"""First words as version 0.1.0 had them → as they are now."""

FORMER_OPTIONS: Final[Mapping[tuple[str, ...], Mapping[str, str]]] = {
    ("ledger", "reverse"): {"--why": "--reason"},
    ("quota", "decide"): {"--why": "--reason"},
    ("tenant", "edit"): {"--without": "--clear"},
    ("tenant", "import"): {"--source-of-figures": "--source-of-statistics"},
}
"""Command → its options as version 0.1.0 had them → as they are now."""


def with_current_names(words: Sequence[str]) -> list[str]:
    """The words of a command line with former names replaced; each replacement is told on standard error.

    Former names are in no help text. Words after `--` are values and stay.
    """
    current = list(words)
    for former, now in FORMER_COMMANDS.items():
        if tuple(current[: len(former)]) == former:
            _tell_former(" ".join(former), " ".join(now))
            current[: len(former)] = now
    options = FORMER_OPTIONS.get(tuple(current[:2]), {})
    end = current.index("--") if "--" in current else len(current)
    for place in range(2, end):
        name, equals, value = current[place].partition("=")
        if name in options:
            _tell_former(name, options[name])
            current[place] = options[name] + equals + value
    return current


def _tell_former(former: str, now: str) -> None:
    click.echo(
        f"「{former}」は旧称です。「{now}」を使ってください / “{former}” is a former name; use “{now}”", err=True
    )


class FeatureGroup(click.Group):
    """The root group: knows the commands of all features by name, imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(cli_commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = cli_commands().get(cmd_name)
        return None if command is None else load_cli_command(cmd_name, command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in cli_commands().items() if command.help])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        given = with_current_names(sys.argv[1:] if args is None else args)
        if not named.get("standalone_mode", True):
            return super().main(given, *rest, **named)
        try:
            code = super().main(given, *rest, **{**named, "standalone_mode": False})
        except click.UsageError as error:
            # Its imports take six times as long as an answer to --version.
            from admin.interface.output import report_usage_error

            sys.exit(report_usage_error(error, as_json="--json" in given))
        except click.Abort:
            click.echo("中断しました / interrupted", err=True)
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=FeatureGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="moyai", prog_name="moyai")
@click.pass_context
def main(ctx: click.Context) -> None:
    """催合 Moyai: 共同利用基盤の参加団体・権限・費用を扱う / Who takes part, what each may use, who pays what.

    終了コード / Exit codes: 0 完了・一致 done · 1 拒否・相違 refused or different · 2 入力の誤り wrong usage ·
    3 接続不能 unreachable
    """
    # For commands about the whole application, which no feature may import.
    ctx.obj = _create_app


def _create_app(settings: Settings) -> Flask:
    from admin.app import create_app

    return create_app(settings)


if __name__ == "__main__":
    require_own_packages()
    main(prog_name="moyai")
