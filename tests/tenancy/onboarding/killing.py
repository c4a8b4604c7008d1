"""A worker process that kills itself, without warning, at a place that the test names.

Runs in a process forked for it. SIGKILL leaves no handler, no `finally` and no rollback of its own a chance.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy.orm import Session

from admin.migrations import metadata  # noqa: F401 - every table is known before the first session
from governance import commands as commands
from governance.actors import Actor, system_actor
from governance.kernel.database import connect
from governance.kernel.pipelined import PipelinedStatement, execute_raw
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import Call, observed_by
from tenancy.keycloak.keys import load_or_create_keys
from tenancy.keycloak.port import Identities
from tenancy.onboarding import worker as worker_module
from tenancy.onboarding.commands import AdvanceStep, StepAdvanced, advance_step
from tenancy.onboarding.intents import OnboardingIntent
from tenancy.onboarding.step_actions import StepAttempt
from tenancy.onboarding.step_actions import run_step as real_run_step
from tenancy.onboarding.steps import StepName
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people.bulk_changes import ImportMembers, import_members

KILLED = -signal.SIGKILL
"""The exit code that multiprocessing reports of a process that was killed."""


class Place(StrEnum):
    """Where in a step. `while_recording` is after every statement of its transaction and before the commit."""

    BEFORE_ACTION = "before_action"
    AFTER_ACTION = "after_action"
    WHILE_RECORDING = "while_recording"
    AFTER_RECORDING = "after_recording"


@dataclass(frozen=True)
class Job:
    """What the doomed worker works on."""

    database_url: str
    keycloak_url: str
    keys: Path
    operator_tenant: UUID
    onboarding_id: UUID


def work_until(job: Job, step: StepName, place: Place) -> None:
    """Run the onboarding and die at this place of this step."""
    run_real, real_advance = real_run_step, advance_step

    def run_step_or_die(
        name: StepName, intent: OnboardingIntent, identities: Identities, *, is_retry: bool
    ) -> StepAttempt:
        _die_if(name is step and place is Place.BEFORE_ACTION)
        result = run_real(name, intent, identities, is_retry=is_retry)
        _die_if(name is step and place is Place.AFTER_ACTION)
        return result

    def advance_or_die(command: AdvanceStep, **named: Any) -> StepAdvanced:
        if command.step is step and place is Place.WHILE_RECORDING:
            setattr(commands, "commit_pipelined", _die_with_all_written)  # noqa: B010
        advanced = real_advance(command, **named)
        _die_if(command.step is step and place is Place.AFTER_RECORDING)
        return advanced

    # setattr: these are the worker's own imports, which no type checker lets anybody else touch.
    setattr(worker_module, "run_step", run_step_or_die)  # noqa: B010
    setattr(worker_module, "advance_step", advance_or_die)  # noqa: B010
    _work(job)


def import_until_written(job: Job, command: ImportMembers, actor: Actor, key: str) -> None:
    """Import a file of people and die with every row of it written, before the commit."""
    setattr(commands, "commit_pipelined", _die_with_all_written)  # noqa: B010
    app = Flask("doomed")
    connect(app, job.database_url)
    with app.app_context():
        import_members(command, actor=actor, key=key)


def work_until_write(job: Job, number: int) -> None:
    """Run the onboarding and die right after the `number`-th call that changed something in Keycloak."""
    written = 0

    def count(call: Call) -> None:
        nonlocal written
        written += call.method != "GET" and not call.is_token
        _die_if(written == number)

    with observed_by(count):
        _work(job)


def _work(job: Job) -> None:
    app = Flask("doomed")
    connect(app, job.database_url)
    # One call at a time, so that the n-th is the same in every run.
    identities = KeycloakIdentities(
        job.keycloak_url,
        load_or_create_keys(job.keys),
        public_url="http://localhost:8700",
        specified=lambda operators_clients: (),
        threads=1,
    )
    with app.app_context():
        actor = system_actor("worker", job.operator_tenant)
        OnboardingWorker(identities, actor=actor, name="doomed", lease=timedelta(seconds=30)).run(job.onboarding_id)


def _die_if(now: bool) -> None:
    if now:
        _die()


def _die_with_all_written(session: Session, *inserts: PipelinedStatement) -> None:
    for insert, values in inserts:
        execute_raw(session, insert, values)
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
