"""Two people for one thing: the code says so first, the database last."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from governance import approvals
from governance.approvals.states import Decision
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotAllowed, NotFound, Stale
from governance.kernel.ids import new_id
from tests.actors import Actors


@pytest.fixture
def session(database: Flask, operator_tenant: UUID) -> Iterator[Session]:
    """A transaction in the operator's scope that is never committed."""
    with tenant_scope(OPERATOR):
        yield db.session()
        db.session.rollback()


@pytest.fixture
def requested(session: Session, actors: Actors) -> UUID:
    """A request of the finance person about some subject, shown with the digest `sha256:a`."""
    subject = new_id()
    approvals.request(
        session,
        clock.now(),
        tenant_id=actors.operator_tenant,
        kind="test",
        subject_id=subject,
        digest="sha256:a",
        requested_by=actors.finance.id,
    )
    return subject


def _decide(
    session: Session, actors: Actors, subject: UUID, *, who: str = "approver", digest: str = "sha256:a"
) -> None:
    approvals.decide(
        session,
        getattr(actors, who),
        clock.now(),
        kind="test",
        subject_id=subject,
        digest=digest,
        decision=Decision.APPROVED,
    )


def test_another_person_decides(session: Session, actors: Actors, requested: UUID) -> None:
    _decide(session, actors, requested)
    assert approvals.pending_requests(session) == []


def test_nobody_decides_the_own_request(session: Session, actors: Actors, requested: UUID) -> None:
    with pytest.raises(NotAllowed):
        _decide(session, actors, requested, who="finance")
    assert len(approvals.pending_requests(session)) == 1


def test_the_database_refuses_it_too(session: Session, requested: UUID) -> None:
    with pytest.raises(IntegrityError, match="decider_is_not_requester"):
        session.execute(
            text("UPDATE approval_request SET decided_by = requested_by, decided_at = now(), decision = 'approved'")
        )


def test_nobody_decides_twice(session: Session, actors: Actors, requested: UUID) -> None:
    _decide(session, actors, requested)
    with pytest.raises(Conflict):
        _decide(session, actors, requested)


def test_what_changed_after_it_was_shown_is_not_approved(session: Session, actors: Actors, requested: UUID) -> None:
    with pytest.raises(Stale):
        _decide(session, actors, requested, digest="sha256:b")
    assert len(approvals.pending_requests(session)) == 1


def test_what_nobody_asked_for_cannot_be_decided(session: Session, actors: Actors) -> None:
    with pytest.raises(NotFound):
        _decide(session, actors, new_id())


def test_one_subject_has_one_open_request(session: Session, actors: Actors, requested: UUID) -> None:
    with pytest.raises(IntegrityError, match="uq_approval_request_open"):
        approvals.request(
            session,
            clock.now(),
            tenant_id=actors.operator_tenant,
            kind="test",
            subject_id=requested,
            digest="sha256:b",
            requested_by=actors.finance.id,
        )
