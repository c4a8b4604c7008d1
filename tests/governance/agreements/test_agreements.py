"""Agreements: the text byte for byte, who accepted it for whom, and that neither ever changes."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from governance.agreements import queries
from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.declaration import read_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory, acceptance

WORDS = "第1条 目的\r\n\t神\u3000葛󠄀城\n"


def _command(**other: Any) -> PublishAgreement:
    return read_command(
        PublishAgreement,
        {
            "name": "joint-use",
            "title": "共同利用協定",
            "language": "ja",
            "text": WORDS,
            "effective_from": date(2025, 4, 1),
        }
        | other,
    )


def test_a_version_keeps_its_text_byte_for_byte_with_its_hash(actors: Actors) -> None:
    published = publish_agreement(_command(), actor=actors.onboarding)

    with tenant_scope(OPERATOR):
        version = queries.version(db.session(), published.version_id)
    assert version.text.encode() == WORDS.encode()
    assert version.sha256 == published.sha256 == hashlib.sha256(WORDS.encode()).hexdigest()
    assert (version.number, version.mandatory, version.title) == (1, True, "共同利用協定")
    assert recorded("agreement.published")[-1].facts["sha256"] == published.sha256


def test_the_next_version_counts_on_and_the_same_one_changes_nothing(actors: Actors) -> None:
    first = publish_agreement(_command(), actor=actors.onboarding)

    assert publish_agreement(_command(), actor=actors.onboarding) == first
    second = publish_agreement(_command(text="第1条 改正", effective_from=date(2026, 4, 1)), actor=actors.onboarding)

    assert second.number == 2
    assert len(rows("agreement_version")) == 2
    with tenant_scope(OPERATOR):
        session = db.session()
        for on, numbers in ((date(2025, 3, 31), []), (date(2026, 3, 31), [1]), (date(2026, 4, 1), [2])):
            assert [version.number for version in queries.versions_in_force(session, on)] == numbers


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"text": " \n"}, "text.empty"),
        ({"text": "第1条\0"}, "text.unseen"),
        ({"text": "第1条\u202e"}, "text.unseen"),
        ({"text": "条" * 200_001}, "text.too_long"),
        ({"title": ""}, "text.empty"),
        ({"text": "改正", "effective_from": date(2024, 4, 1)}, "agreement.earlier_than_before"),
    ],
)
def test_a_version_that_cannot_be_is_refused_and_nothing_changes(
    actors: Actors, other: dict[str, Any], code: str
) -> None:
    publish_agreement(_command(), actor=actors.onboarding)
    before = rows("agreement_version")

    with pytest.raises(Invalid) as refusal:
        publish_agreement(_command(**other), actor=actors.onboarding)

    assert refusal.value.code == code
    assert rows("agreement_version") == before


def test_an_acceptance_names_signer_office_and_text(actors: Actors, factory: Factory) -> None:
    tenant_id, version_id = factory.kumamoto_city(), factory.publish()

    accepted = accept_agreement(acceptance(tenant_id, version_id), actor=actors.municipal(tenant_id, Role.TENANT_OWNER))

    with tenant_scope(tenant_id):
        (kept,) = queries.acceptances(db.session(), tenant_id)
        in_force = queries.acceptance_in_force(db.session(), tenant_id, clock.today())
    assert (kept.signer_name, kept.signer_title, kept.on_behalf_of) == ("肥後 花子", "市長", "熊本市")
    assert (kept.authority, kept.signed_on) == ("地方自治法第147条", date(2025, 3, 20))
    assert kept.sha256 == accepted.sha256
    assert in_force is not None
    assert in_force.id == accepted.acceptance_id
    record = recorded("agreement.accepted")[-1]
    assert (record.tenant_id, record.facts["sha256"]) == (tenant_id, accepted.sha256)
    assert "花子" not in repr(record.facts)


def test_what_is_in_force_depends_on_the_day(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    factory.accept(tenant_id, factory.publish(date(2025, 4, 1)))
    newer = factory.publish(date(2026, 4, 1), "改正")

    def holds(on: date) -> bool:
        with tenant_scope(OPERATOR):
            return queries.acceptance_in_force(db.session(), tenant_id, on) is not None

    assert [holds(on) for on in (date(2025, 3, 31), date(2025, 4, 1), date(2026, 3, 31), date(2026, 4, 1))] == [
        False,
        True,
        True,
        False,
    ]
    with tenant_scope(OPERATOR):
        (missing,) = queries.unaccepted(db.session(), tenant_id, date(2026, 4, 1))
    assert missing.id == newer
    factory.accept(tenant_id, newer)
    assert holds(date(2026, 4, 1))


def test_where_nothing_is_published_nobody_has_accepted(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()

    with tenant_scope(OPERATOR):
        assert queries.acceptance_in_force(db.session(), tenant_id, clock.today()) is None


def test_accepting_twice_or_an_old_version_is_a_conflict(factory: Factory) -> None:
    tenant_id = factory.kumamoto_city()
    old = factory.publish()
    factory.accept(tenant_id, old)
    before = rows("acceptance")

    with pytest.raises(Conflict) as twice:
        factory.accept(tenant_id, old)
    factory.publish(words="改正")
    with pytest.raises(Conflict) as outdated:
        factory.accept(factory.aso_city(), old)

    assert (twice.value.code, outdated.value.code) == ("agreement.accepted_already", "agreement.superseded")
    assert rows("acceptance") == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signer_name", ""),
        ("signer_title", "　"),
        ("on_behalf_of", "熊本市\u200b"),
        ("authority", "x" * 121),
        ("signed_on", clock.today() + timedelta(days=2)),
    ],
)
def test_a_signature_that_cannot_be_is_refused(actors: Actors, factory: Factory, field: str, value: object) -> None:
    tenant_id, version_id = factory.kumamoto_city(), factory.publish()

    signed = acceptance(tenant_id, version_id).model_dump() | {field: value}
    with pytest.raises(Invalid) as refusal:
        accept_agreement(read_command(AcceptAgreement, signed), actor=actors.onboarding)

    assert refusal.value.field == field
    assert rows("acceptance") == []


def test_another_tenants_id_answers_like_an_absent_one(actors: Actors, factory: Factory) -> None:
    tenant_id, other, version_id = factory.kumamoto_city(), factory.aso_city(), factory.publish()
    owner = actors.municipal(tenant_id, Role.TENANT_OWNER)

    for whose, what in ((other, version_id), (new_id(), version_id), (tenant_id, new_id())):
        with pytest.raises(NotFound):
            accept_agreement(acceptance(whose, what), actor=owner)

    assert rows("acceptance") == []


def test_who_may_not_publish_or_accept_does_not(actors: Actors, factory: Factory) -> None:
    tenant_id, version_id = factory.kumamoto_city(), factory.publish()
    before = rows("agreement_version")

    for actor in (actors.finance, actors.auditor, actors.municipal(tenant_id, Role.TENANT_OWNER)):
        with pytest.raises(NotAllowed):
            publish_agreement(_command(text="改正"), actor=actor)
    for actor in (actors.finance, actors.municipal(tenant_id), actors.municipal(tenant_id, Role.TENANT_FINANCE)):
        with pytest.raises(NotAllowed):
            accept_agreement(acceptance(tenant_id, version_id), actor=actor)

    assert rows("agreement_version") == before
    assert rows("acceptance") == []


@pytest.mark.parametrize("table", ["agreement_version", "acceptance"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET sha256 = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_signed_cannot_be_changed(factory: Factory, table: str, statement: str) -> None:
    factory.accept(factory.kumamoto_city(), factory.publish())

    with tenant_scope(OPERATOR), pytest.raises(DBAPIError, match="permission denied"):
        db.session.execute(text(statement.format(table)))


def test_the_database_refuses_a_hash_of_another_text(factory: Factory) -> None:
    factory.publish()

    with tenant_scope(OPERATOR), pytest.raises(IntegrityError, match="hash_of_text"):
        db.session.execute(
            text(
                "INSERT INTO agreement_version (id, agreement_id, number, language, text, sha256, effective_from, "
                "mandatory, published_by, published_at) SELECT :id, agreement_id, 9, 'ja', 'x', sha256, "
                "effective_from, true, 'x', now() FROM agreement_version"
            ),
            {"id": new_id()},
        )


def test_a_municipality_cannot_write_the_catalogue_of_agreements(factory: Factory) -> None:
    tenant_id: UUID = factory.kumamoto_city()

    with tenant_scope(tenant_id), pytest.raises(DBAPIError, match="permission denied for table agreement"):
        db.session.execute(
            text("INSERT INTO agreement (id, name, title, created_at) VALUES (:id, 'x', 'x', now())"),
            {"id": new_id()},
        )
