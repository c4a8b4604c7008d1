"""`moyai run`, `up`, `down`, `status`: the servers, seen from the command line."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from admin.interface.output import error_json, exit_code, handle_errors, print_json
from admin.interface.permitted import PermittedCommand
from admin.operations import processes, services
from admin.operations import status as server_status
from admin.operations.bring_up import bring_up
from admin.operations.process_user import refuse_root
from admin.operations.processes import PidFiles
from admin.operations.settings import Settings
from admin.operations.status import SystemStatus
from admin.operations.supervisor import SUPERVISOR, Supervisor, stop_orphans, take_lock
from governance.kernel.errors import Conflict, DomainError, message
from governance.kernel.private_files import private_log
from governance.permissions import Permission

_STOP_SECONDS = 120

BACKGROUND_EXITED = message(
    "servers.background_ended",
    ja="起動の途中で終了しました。",
    en="It exited while starting.",
    hint_ja="詳しくは {log} を見てください。",
    hint_en="See {log}.",
)
replace_keys_option = click.option(
    "--replace-keys", is_flag=True, help="Replace keys in Keycloak that this host does not have."
)
as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


class _StopRequested(BaseException):
    """Somebody asked us to stop: Ctrl-C or SIGTERM."""


@click.command("run", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@click.option(
    "--members",
    type=click.Choice(["13", "21"]),
    default="21",
    show_default=True,
    help="How many members the example has.",
)
@replace_keys_option
@handle_errors
def run(members: str, replace_keys: bool) -> None:
    """すべてを起動し、例示データで主な仕事をして見せる / Start everything, load the example and serve until Ctrl-C."""
    settings = Settings.from_environment(os.environ, example_default=True)
    refuse_root(settings)
    with _stop_on_signal(), Supervisor(settings.home, _progress) as supervisor:
        bring_up(
            supervisor,
            settings,
            _progress,
            migrate=_migrate,
            while_starting=_preload_example if settings.example else _no_op,
            replace_keys=replace_keys,
        )
        if settings.example:
            # What the example's own processes read must agree with what this one decided.
            os.environ.update(settings.as_environment())
            from admin.example.load import load

            load(settings, members=int(members), progress=_progress)
        _progress(f"画面 / Open {settings.public_url}  (Ctrl-C で停止 / Ctrl-C stops it)")
        threading.Event().wait()


def _preload_example() -> None:
    """Its imports take as long as half a server; Keycloak leaves the time."""
    importlib.import_module("admin.example.load")


def _migrate(url: str) -> None:
    """Imported only here: the tables of every package are not needed before PostgreSQL runs."""
    from admin.migrations.apply import migrate_url

    migrate_url(url)


def _no_op() -> None:
    return


@click.command("up", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@replace_keys_option
@as_json_option
@handle_errors
def up(as_json: bool, replace_keys: bool) -> None:
    """すべてを背後で起動し、準備ができたら戻る / Start everything in the background; returns when it is ready."""
    settings = Settings.from_environment(os.environ)
    refuse_root(settings)
    log = settings.logs / f"{SUPERVISOR}.log"
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    settings.logs.mkdir(exist_ok=True, mode=0o700)
    reading, writing = os.pipe()
    last: dict[str, Any] = {}
    process: subprocess.Popen[bytes] | None = None
    try:
        with processes.stop_signals_held():
            with private_log(log) as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", "admin.cli", "supervise", "--report-to", str(writing)]
                    + ["--replace-keys"] * replace_keys,
                    env=dict(os.environ) | settings.as_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    pass_fds=[writing],
                    start_new_session=True,
                )
            os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as reports:
            for line in reports:
                last = json.loads(line)
                if "say" in last:
                    _progress(last["say"])
    except KeyboardInterrupt:
        if process is not None:
            process.terminate()
            process.wait()
        raise click.Abort from None
    if "error" in last and process is not None:
        process.wait()
        if as_json:
            print_json({"error": last["error"]})
        else:
            click.echo(" ".join(filter(None, (last["error"]["message"], last["error"].get("hint")))), err=True)
        click.get_current_context().exit(last["exit"])
    if not last.get("ready"):
        raise Conflict(BACKGROUND_EXITED, log=str(log))
    if as_json:
        print_json(server_status.status(settings))


@click.command("supervise", cls=PermittedCommand, permission=Permission.SERVERS_RUN, hidden=True)
@click.option("--report-to", type=int, required=True)
@replace_keys_option
@handle_errors
def supervise(report_to: int, replace_keys: bool) -> None:
    """The process behind `up`: tells its parent what happens, then stays until it is told to stop."""
    # Whoever started us may go at any time; that is no reason to stop.
    reports = os.fdopen(report_to, "w", encoding="utf-8", buffering=1)

    def report(**message: Any) -> None:
        if not reports.closed:
            try:
                reports.write(json.dumps(message, ensure_ascii=False) + "\n")
            except BrokenPipeError:
                reports.close()

    def progress(text: str) -> None:
        _progress(text)
        report(say=text)

    try:
        settings = Settings.from_environment(os.environ)
        refuse_root(settings)
        with _stop_on_signal(), Supervisor(settings.home, progress) as supervisor:
            bring_up(supervisor, settings, progress, migrate=_migrate, replace_keys=replace_keys)
            report(ready=True)
            reports.close()
            threading.Event().wait()
    except DomainError as refusal:
        report(**error_json(refusal), exit=exit_code(refusal))
        raise


@click.command("down", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@as_json_option
@handle_errors
def down(as_json: bool) -> None:
    """起動したものだけを停止する / Stop what `run` or `up` started on this MOYAI_HOME, and nothing else."""
    stopped = stop_all(Settings.from_environment(os.environ))
    _progress("停止しました / stopped" if stopped else "何も動いていません / nothing was running")
    if as_json:
        print_json({"stopped": stopped > 0})


def stop_all(settings: Settings) -> int:
    """End what was started on this home, in order; how many there were, a supervisor counted as one."""
    supervisor = PidFiles(settings.home / "run").running(SUPERVISOR)
    stopped = 0
    if supervisor is not None:
        # It stops its children in order and then leaves.
        processes.stop_process(supervisor, stop_signal=signal.SIGTERM, seconds=_STOP_SECONDS)
        stopped += 1
    if settings.home.exists() and (lock := take_lock(settings.home)) is not None:
        with lock:
            database = settings.embedded_postgresql() if settings.secrets.exists() else None
            stopped += stop_orphans(settings.home, database, _progress)
    return stopped


@click.command("status", cls=PermittedCommand, permission=Permission.PUBLIC)
@as_json_option
@handle_errors
def status(as_json: bool) -> None:
    """動いているかを見る / Show what is running. Exit code 0 when all is ready, 3 when something does not answer."""
    statuses = server_status.status(Settings.from_environment(os.environ))
    if as_json:
        print_json(statuses)
    else:
        _print_status(statuses)
    click.get_current_context().exit(0 if statuses.all_ready else 3)


def _print_status(statuses: SystemStatus) -> None:
    jobs_waiting = statuses.worker.jobs_waiting
    for part, ready, more in (
        (services.WEB, statuses.web.ready, statuses.web.url),
        (services.POSTGRESQL, statuses.postgresql.ready, statuses.postgresql.version),
        (services.KEYCLOAK, statuses.keycloak.ready, statuses.keycloak.version),
        (
            services.WORKER,
            statuses.worker.ready,
            None if jobs_waiting is None else f"待ちジョブ {jobs_waiting} jobs waiting",
        ),
    ):
        click.echo(f"{part:<12}{'準備完了 ready' if ready else '応答なし does not answer'}  {more or ''}".rstrip())
    if not statuses.mail.delivers:
        click.echo(f"{'mail':<12}SMTP_URL がないため、招待メールは届きません  no SMTP_URL: invitations do not arrive")
    if not statuses.second_factor.required:
        click.echo(f"{'sign-in':<12}二要素認証なしでログインできます（例示）  no second factor required (example)")
    for state, count in statuses.tenants.items():
        click.echo(f"{'tenants':<12}{state} {count}")


def _progress(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _stop_on_signal() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into leaving the block in order. A second one changes nothing: stopping goes on."""

    def request_stop(number: int, frame: FrameType | None) -> None:
        for one in processes.STOP_SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise _StopRequested

    for one in processes.STOP_SIGNALS:
        signal.signal(one, request_stop)
    try:
        yield
    except _StopRequested:
        _progress("停止しました / stopped")
