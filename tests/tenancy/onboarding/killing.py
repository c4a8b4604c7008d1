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
from governance import commands as door
from governance.actors import system_actor
from governance.kernel.database import Hot, connect, execute_hot
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.calls import Call, observed_by
from tenancy.keycloak.keys import load_or_make_keys
from tenancy.keycloak.port import Identities
from tenancy.onboarding import worker as house
from tenancy.onboarding.commands import AdvanceStep, StepAdvanced, advance_step
from tenancy.onboarding.deeds import Result
from tenancy.onboarding.deeds import perform as perform_step
from tenancy.onboarding.intents import OnboardingIntent
from tenancy.onboarding.steps import StepName
from tenancy.onboarding.worker import OnboardingWorker

KILLED = -signal.SIGKILL
"""The exit code that multiprocessing reports of a process that was killed."""


class Place(StrEnum):
    """Where in a step. `while_recording` is after every statement of its transaction and before the commit."""

    BEFORE_DEED = "before_deed"
    AFTER_DEED = "after_deed"
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
    """Carry the onboarding on and die at this place of this step."""
    real_perform, real_advance = perform_step, advance_step

    def perform_or_die(
        name: StepName, intent: OnboardingIntent, identities: Identities, *, is_second_try: bool
    ) -> Result:
        _die_if(name is step and place is Place.BEFORE_DEED)
        result = real_perform(name, intent, identities, is_second_try=is_second_try)
        _die_if(name is step and place is Place.AFTER_DEED)
        return result

    def advance_or_die(order: AdvanceStep, **named: Any) -> StepAdvanced:
        if order.step is step and place is Place.WHILE_RECORDING:
            setattr(door, "commit_hot", _die_with_all_written)  # noqa: B010
        advanced = real_advance(order, **named)
        _die_if(order.step is step and place is Place.AFTER_RECORDING)
        return advanced

    # setattr: these are the worker's own imports, which no type checker lets anybody else touch.
    setattr(house, "perform", perform_or_die)  # noqa: B010
    setattr(house, "advance_step", advance_or_die)  # noqa: B010
    _work(job)


def work_until_write(job: Job, number: int) -> None:
    """Carry the onboarding on and die right after the `number`-th call that changed something in Keycloak."""
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
    identities = KeycloakIdentities(job.keycloak_url, load_or_make_keys(job.keys), threads=1)
    with app.app_context():
        actor = system_actor("worker", job.operator_tenant)
        OnboardingWorker(identities, actor=actor, name="doomed", lease=timedelta(seconds=30)).run(job.onboarding_id)


def _die_if(now: bool) -> None:
    if now:
        _die()


def _die_with_all_written(session: Session, *inserts: Hot) -> None:
    for insert, values in inserts:
        execute_hot(session, insert, values)
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
