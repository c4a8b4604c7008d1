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

from admin.interface.output import answering, as_error, exit_code, print_json
from admin.operations import children, processes
from admin.operations import status as standing
from admin.operations.bring_up import bring_up
from admin.operations.processes import Records
from admin.operations.settings import Settings
from admin.operations.supervisor import SUPERVISOR, Supervisor, end_left_behind, take_lock
from governance.kernel.errors import Conflict, Refused, reason

_STOP_SECONDS = 120

BACKGROUND_ENDED = reason(
    "servers.background_ended",
    ja="起動の途中で終了しました。",
    en="It ended while starting.",
    hint_ja="詳しくは {log} を見てください。",
    hint_en="See {log}.",
)
as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


class _Told(BaseException):
    """Somebody asked us to stop: Ctrl-C or SIGTERM."""


@click.command("run")
@click.option(
    "--members", type=click.Choice(["13", "21"]), default="21", show_default=True, help="How far the example goes."
)
@answering
def run(members: str) -> None:
    """すべてを起動し、例示データで主な仕事をして見せる / Start all, carry out the main job, serve until Ctrl-C."""
    settings = Settings.from_environment(os.environ, example_default=True)
    with _stopped_when_told(), Supervisor(settings.home, _say) as supervisor:
        bring_up(
            supervisor,
            settings,
            _say,
            migrate=_migrate,
            meanwhile=_get_ready_for_the_example if settings.example else _nothing,
        )
        if settings.example:
            # What the example's own processes read must agree with what this one decided.
            os.environ.update(settings.as_environment())
            from admin.example.load import load

            load(settings, members=int(members), say=_say)
        _say(f"画面 / Open {settings.public_url}  (Ctrl-C で停止 / Ctrl-C stops it)")
        threading.Event().wait()


def _get_ready_for_the_example() -> None:
    """Its imports take as long as half a server; Keycloak leaves the time."""
    importlib.import_module("admin.example.load")


def _migrate(url: str) -> None:
    """Imported only here: the tables of every package are not needed before PostgreSQL runs."""
    from admin.migrations.apply import migrate_url

    migrate_url(url)


def _nothing() -> None:
    return


@click.command("up")
@as_json_option
@answering
def up(as_json: bool) -> None:
    """すべてを背後で起動し、準備ができたら戻る / Start all in the background; returns when everything is ready."""
    settings = Settings.from_environment(os.environ)
    log = settings.logs / f"{SUPERVISOR}.log"
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    settings.logs.mkdir(exist_ok=True, mode=0o700)
    reading, writing = os.pipe()
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "admin.cli", "supervise", "--report-to", str(writing)],
            env=dict(os.environ) | settings.as_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            pass_fds=[writing],
            start_new_session=True,
        )
    os.close(writing)
    last: dict[str, Any] = {}
    try:
        with os.fdopen(reading, encoding="utf-8") as reports:
            for line in reports:
                last = json.loads(line)
                if "say" in last:
                    _say(last["say"])
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise click.Abort from None
    if "error" in last:
        process.wait()
        if as_json:
            print_json({"error": last["error"]})
        else:
            click.echo(" ".join(filter(None, (last["error"]["message"], last["error"].get("hint")))), err=True)
        click.get_current_context().exit(last["exit"])
    if not last.get("ready"):
        raise Conflict(BACKGROUND_ENDED, log=str(log))
    if as_json:
        print_json(standing.status(settings))


@click.command("supervise", hidden=True)
@click.option("--report-to", type=int, required=True)
@answering
def supervise(report_to: int) -> None:
    """The process behind `up`: tells its parent what happens, then stays until it is told to stop."""
    # Whoever started us may go at any time; that is no reason to stop.
    reports = os.fdopen(report_to, "w", encoding="utf-8", buffering=1)

    def report(**told: Any) -> None:
        if not reports.closed:
            try:
                reports.write(json.dumps(told, ensure_ascii=False) + "\n")
            except BrokenPipeError:
                reports.close()

    def say(text: str) -> None:
        _say(text)
        report(say=text)

    try:
        settings = Settings.from_environment(os.environ)
        with _stopped_when_told(), Supervisor(settings.home, say) as supervisor:
            bring_up(supervisor, settings, say, migrate=_migrate)
            report(ready=True)
            reports.close()
            threading.Event().wait()
    except Refused as refusal:
        report(**as_error(refusal), exit=exit_code(refusal))
        raise


@click.command("down")
@as_json_option
@answering
def down(as_json: bool) -> None:
    """起動したものだけを停止する / Stop what `run` or `up` started on this MOYAI_HOME, and nothing else."""
    settings = Settings.from_environment(os.environ)
    supervisor = Records(settings.home / "run").running(SUPERVISOR)
    stopped = 0
    if supervisor is not None:
        # It stops its children in order and then leaves.
        processes.end(supervisor, politely=signal.SIGTERM, seconds=_STOP_SECONDS)
        stopped += 1
    if settings.home.exists() and (lock := take_lock(settings.home)) is not None:
        with lock:
            database = settings.embedded_postgresql() if settings.secrets.exists() else None
            stopped += end_left_behind(settings.home, database, _say)
    _say("停止しました / stopped" if stopped else "何も動いていません / nothing was running")
    if as_json:
        print_json({"stopped": stopped > 0})


@click.command("status")
@as_json_option
@answering
def status(as_json: bool) -> None:
    """動いているかを見る / See what runs. Exit code 0 when everything is ready, 3 when something does not answer."""
    told = standing.status(Settings.from_environment(os.environ))
    if as_json:
        print_json(told)
    else:
        _print_status(told)
    click.get_current_context().exit(0 if standing.all_ready(told) else 3)


def _print_status(told: dict[str, Any]) -> None:
    for part in (children.WEB, children.POSTGRESQL, children.KEYCLOAK, children.WORKER):
        facts = told[part]
        word = "準備完了 ready" if facts["ready"] else "応答なし does not answer"
        more = facts.get("url") or facts.get("version") or ""
        if part == children.WORKER and facts["jobs_waiting"] is not None:
            more = f"待ちジョブ {facts['jobs_waiting']} jobs waiting"
        click.echo(f"{part:<12}{word}  {more}".rstrip())
    for state, count in told["tenants"].items():
        click.echo(f"{'tenants':<12}{state} {count}")


def _say(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _stopped_when_told() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into leaving the block in order. A second one changes nothing: stopping goes on."""

    def told(number: int, frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        raise _Told

    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, told)
    try:
        yield
    except _Told:
        _say("停止しました / stopped")
