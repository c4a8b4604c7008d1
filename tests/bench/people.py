"""Five hundred people of a file, against the same Keycloak calls made bare; the goal is half the rate of those.

    python -m tests.bench.people

Moyai's side is everything from the command that imports the file to the last person's account and membership: the rows
judged and recorded in one transaction, then portions by the worker, each committed before the next. The bare side
creates as many users and memberships over eight connections and writes nothing down. Beside it stands how long the
preview of 5,000 rows takes; its goal is ten seconds.
"""

from __future__ import annotations

import logging
import time
from typing import Any
from uuid import UUID, uuid4

from admin.core.logs import configure_logs
from governance.actors import Actor
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import PersonIntent
from tenancy.keycloak.representations import person_body
from tenancy.onboarding.commands import StartSync, start_sync
from tenancy.onboarding.steps import OnboardingState
from tenancy.onboarding.worker import OnboardingWorker
from tenancy.people.bulk_changes import ImportMembers, import_members, preview_members
from tests.actors import Actors, seed_operator
from tests.bench._conditions import machine, spread
from tests.bench.onboarding import CONNECTIONS, Bare, installed
from tests.tenancy.onboarding.applicants import Applicant, Applicants, look_at

PEOPLE, ROWS = 500, 5_000
WARM_UP, ROUNDS = 1, 5
GOAL_RATIO = 0.5
GOAL_PREVIEW_SECONDS = 10.0


def _file(tenant_id: UUID, domain: str, number: int) -> ImportMembers:
    lines = ["姓,名,メールアドレス", *(f"測定,花子{one},p{one}@{domain}" for one in range(number))]
    return ImportMembers(tenant_id=tenant_id, content="\n".join(lines).encode(), reason="測定")


class ThroughMoyai:
    """Imports one file after another, each into a municipality that takes part, as its owner and the worker do."""

    def __init__(self, identities: KeycloakIdentities, actors: Actors) -> None:
        self._actors = actors
        self._applicants = Applicants(actors)
        self._worker = OnboardingWorker(identities, actor=actors.worker, name="bench")

    def prepare(self) -> Applicant:
        """A municipality that takes part."""
        applicant = self._applicants.ready()
        self._worker.run(self._applicants.start(applicant))
        return applicant

    def preview(self, applicant: Applicant) -> float:
        """Seconds for the verdict on the largest file."""
        command = _file(applicant.tenant_id, applicant.domain, ROWS)
        started = time.perf_counter()
        with tenant_scope(OPERATOR):
            # One owner is there: the quota is what keeps the file out, and every row is judged.
            preview = preview_members(db.session(), command, actor=self._owner(applicant))
        seconds = time.perf_counter() - started
        if sum(row.accepted for row in preview.rows) != ROWS:
            raise AssertionError("a row is refused")
        return seconds

    def bring(self, applicant: Applicant) -> float:
        """Seconds from the order to the last account."""
        command = _file(applicant.tenant_id, applicant.domain, PEOPLE)
        started = time.perf_counter()
        import_members(command, actor=self._owner(applicant))
        onboarding_id = start_sync(StartSync(tenant_id=applicant.tenant_id), actor=self._actors.worker).onboarding_id
        if onboarding_id is None:
            raise AssertionError("nothing is new")
        self._worker.run(onboarding_id)
        seconds = time.perf_counter() - started
        state = look_at(onboarding_id).state
        if state is not OnboardingState.DONE:
            raise AssertionError(f"bringing the people there is {state}")
        return seconds

    def _owner(self, applicant: Applicant) -> Actor:
        return self._actors.municipal(applicant.tenant_id, Role.TENANT_OWNER)


def _bare_people(bare: Bare) -> float:
    """Seconds for as many users with their memberships over eight connections, bodies made beforehand."""
    wanted = bare.prepare()
    organization = bare.organization(wanted)
    tenant_id, mark = UUID(wanted.tenant_id), uuid4().hex[:8]
    people = [
        person_body(PersonIntent(new_id(), tenant_id, f"p{number}@{mark}.example", "測定", "花子"))
        for number in range(PEOPLE)
    ]
    started = time.perf_counter()
    bare.people(organization, people)
    return time.perf_counter() - started


def bench() -> dict[str, Any]:
    """Both sides in turn, and the ratio of their rates in each pair of rounds."""
    with installed() as (installation, app), app.app_context():
        identities = installation.identities()
        bare = Bare(installation)
        try:
            moyai = ThroughMoyai(identities, Actors(seed_operator()))
            seconds: dict[str, list[float]] = {"moyai": [], "bare": [], "preview": []}
            for number in range(-WARM_UP, ROUNDS):
                applicant = moyai.prepare()
                taken = {"preview": moyai.preview(applicant)}
                for side in ("moyai", "bare") if number % 2 == 0 else ("bare", "moyai"):
                    taken[side] = moyai.bring(applicant) if side == "moyai" else _bare_people(bare)
                if number >= 0:
                    for side, passed in taken.items():
                        seconds[side].append(passed)
            version = db.session.connection().exec_driver_sql("SHOW server_version").scalar_one()
        finally:
            bare.close()
            identities.close()
            db.session.remove()
            db.engine.dispose()
        ratios = [theirs / ours for ours, theirs in zip(seconds["moyai"], seconds["bare"], strict=True)]
        return {
            "what": f"{PEOPLE} people of a file; the preview of {ROWS} rows",
            "conditions": f"{machine()}; PostgreSQL {version}, fsync on; "
            f"Keycloak {installation.server.server.version()} on the same machine; "
            f"{ROUNDS} alternating rounds after {WARM_UP} of warming up",
            "connections": CONNECTIONS,
            "moyai_seconds": spread(seconds["moyai"]),
            "bare_seconds": spread(seconds["bare"]),
            "ratio": spread(ratios, digits=2),
            "goal_ratio": GOAL_RATIO,
            "preview_seconds": spread(seconds["preview"]),
            "goal_preview_seconds": GOAL_PREVIEW_SECONDS,
        }


def main() -> None:
    configure_logs(logging.WARNING)
    result = bench()
    ratio, preview = result["ratio"], result["preview_seconds"]
    print(f"people: {result['what']} ({result['conditions']})")
    for side in ("moyai", "bare"):
        figures = result[f"{side}_seconds"]
        rate = PEOPLE / figures["median"]
        print(f"  {side:7} {figures['median']:.3f} s (from {figures['min']:.3f} to {figures['max']:.3f}), {rate:.0f}/s")
    print(
        f"  rate    {ratio['median']:.2f} of the bare one (from {ratio['min']:.2f} to {ratio['max']:.2f}); "
        f"goal {GOAL_RATIO:g} {'met' if ratio['median'] >= GOAL_RATIO else 'NOT MET'}"
    )
    print(
        f"  preview {preview['median']:.3f} s (from {preview['min']:.3f} to {preview['max']:.3f}); "
        f"goal {GOAL_PREVIEW_SECONDS:g} s {'met' if preview['max'] <= GOAL_PREVIEW_SECONDS else 'NOT MET'}"
    )


if __name__ == "__main__":
    main()
