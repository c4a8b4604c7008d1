"""Versions of a rule: drafted, adopted by a decision, ended; once in force only the end moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from governance.declaration import read_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.rules import commands
from governance.rules.body import read_as_stages
from governance.rules.commands import AdoptRule, DraftRule, EndRule, RuleAdopted, draft_rule, end_rule
from governance.rules.queries import RuleVersionFacts, in_force, rule_by_name, rule_versions, version_by_id
from tests.actors import Actors
from tests.second_person import directly

adopt_rule = directly(commands.adopt_rule, RuleAdopted)

BODY: dict[str, Any] = {
    "components": [{"name": "均等割", "ratio": 1, "basis": "equal"}],
    "rounding": "largest_remainder",
}


@pytest.fixture(autouse=True)
def in_june_2025() -> Iterator[None]:
    with clock.at(datetime(2025, 6, 2, 1, 0, tzinfo=UTC)):
        yield


def draft(actors: Actors, valid_from: date = date(2025, 4, 1), until: date | None = None, **body: Any) -> UUID:
    sent = {"name": "running-cost", "label": "負担規則", "body": {**BODY, **body}}
    command = read_command(DraftRule, sent | {"valid_from": valid_from, "valid_until": until})
    return draft_rule(command, actor=actors.finance).version_id


def adopt(actors: Actors, version_id: UUID, on: date = date(2025, 3, 24)) -> UUID | None:
    command = AdoptRule(version_id=version_id, decided_by="運営協議会", decision_number="第1号", decided_on=on)
    return adopt_rule(command, actor=actors.finance).ended_version_id


def version(version_id: UUID) -> RuleVersionFacts:
    with tenant_scope(OPERATOR):
        return version_by_id(db.session(), version_id)


def holding(on: date) -> RuleVersionFacts | None:
    with tenant_scope(OPERATOR):
        return in_force(db.session(), rule_by_name(db.session(), "running-cost"), on)


def test_a_rule_of_stages_is_drafted_and_not_adopted_while_no_run_goes_by_it(actors: Actors) -> None:
    stages = read_as_stages(BODY).canonical()
    command = DraftRule(name="running-cost", label="負担規則", body=stages, valid_from=date(2025, 4, 1))
    drafted = draft_rule(command, actor=actors.finance)

    with pytest.raises(Conflict) as refused:
        adopt(actors, drafted.version_id)

    assert refused.value.code == "rule.of_stages_not_allocated"
    assert version(drafted.version_id).body == stages
    assert version(drafted.version_id).decision is None
    assert holding(date(2025, 4, 1)) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"form": "cost_sharing/3"}, "body.form"),
        ({"form": None}, "body.form"),
        ({"stages": []}, "body.stages"),
        ({"unit_yen": 1}, "body.unit_yen"),
    ],
)
def test_a_body_that_names_a_form_is_read_as_stages_and_nothing_else(
    actors: Actors, change: dict[str, Any], field: str
) -> None:
    body = {**read_as_stages(BODY).canonical(), **change}

    with pytest.raises(Invalid) as refused:
        read_command(DraftRule, {"name": "r", "label": "負担規則", "body": body, "valid_from": date(2025, 4, 1)})

    errors = getattr(refused.value, "errors", [refused.value])
    assert [error.field for error in errors] == [field]
    with tenant_scope(OPERATOR):
        assert rule_versions(db.session()) == []


def test_a_draft_is_not_in_force_until_a_decision_adopts_it(actors: Actors) -> None:
    drafted = draft(actors)
    assert holding(date(2025, 4, 1)) is None
    with tenant_scope(OPERATOR):
        [waiting] = rule_versions(db.session(), "running-cost")
    assert waiting.decision is None

    adopt(actors, drafted)

    found = holding(date(2025, 4, 1))
    assert found is not None
    assert found.decision is not None
    assert (found.decision.decided_by, found.decision.number, found.decision.on) == (
        "運営協議会",
        "第1号",
        date(2025, 3, 24),
    )
    assert holding(date(2025, 3, 31)) is None


def test_the_version_before_ends_where_the_adopted_one_starts(actors: Actors) -> None:
    first = draft(actors)
    adopt(actors, first)
    second = draft(actors, date(2026, 4, 1), unit_yen=1000)

    assert adopt(actors, second) == first

    assert version(first).valid_until == date(2026, 4, 1)
    assert version(second).number == 2
    before, after = holding(date(2026, 3, 31)), holding(date(2026, 4, 1))
    assert before is not None
    assert after is not None
    assert (before.id, after.id) == (first, second)


def test_a_version_is_adopted_once(actors: Actors) -> None:
    drafted = draft(actors)
    adopt(actors, drafted)

    with pytest.raises(Conflict) as refusal:
        adopt(actors, drafted)

    assert refusal.value.code == "rule.already_adopted"


def test_two_adopted_versions_do_not_overlap(actors: Actors) -> None:
    adopt(actors, draft(actors))
    same_start = draft(actors, unit_yen=1000)
    earlier = draft(actors, date(2024, 4, 1), unit_yen=100)

    for overlapping in (same_start, earlier):
        with pytest.raises(Conflict) as refusal:
            adopt(actors, overlapping)
        assert refusal.value.code == "rule.overlap"
        assert version(overlapping).decision is None
    before = draft(actors, date(2024, 4, 1), date(2025, 4, 1))
    adopt(actors, before)
    assert version(before).decision is not None


def test_only_the_end_of_an_adopted_version_moves(actors: Actors) -> None:
    drafted = draft(actors)
    adopt(actors, drafted)

    end_rule(EndRule(version_id=drafted, valid_until=date(2026, 4, 1)), actor=actors.finance)

    assert version(drafted).valid_until == date(2026, 4, 1)
    for change in (
        "UPDATE rule_version SET body = '{}'",
        "UPDATE rule_version SET valid_from = '2024-04-01'",
        "UPDATE rule_version SET decision_number = '第2号'",
        "UPDATE rule SET label = '別の規則'",
        "DELETE FROM rule_version",
    ):
        with tenant_scope(OPERATOR):
            with pytest.raises(DBAPIError):
                db.session().execute(text(change))
            db.session().rollback()


def test_a_draft_cannot_be_rewritten_either(actors: Actors) -> None:
    draft(actors)

    with tenant_scope(OPERATOR):
        with pytest.raises(DBAPIError):
            db.session().execute(text("UPDATE rule_version SET body = '{}'"))
        db.session().rollback()


def test_an_end_does_not_move_into_the_past(actors: Actors) -> None:
    drafted = draft(actors)
    adopt(actors, drafted)

    with pytest.raises(Invalid) as refusal:
        end_rule(EndRule(version_id=drafted, valid_until=date(2025, 5, 1)), actor=actors.finance)

    assert refusal.value.code == "rule.end_in_the_past"
    assert version(drafted).valid_until is None


def test_an_end_does_not_move_over_the_next_version(actors: Actors) -> None:
    first = draft(actors)
    adopt(actors, first)
    adopt(actors, draft(actors, date(2026, 4, 1), unit_yen=1000))

    with pytest.raises(Conflict) as refusal:
        end_rule(EndRule(version_id=first, valid_until=None), actor=actors.finance)

    assert refusal.value.code == "rule.overlap"


def test_what_nobody_adopted_has_no_end_to_move(actors: Actors) -> None:
    with pytest.raises(Conflict) as refusal:
        end_rule(EndRule(version_id=draft(actors), valid_until=date(2026, 4, 1)), actor=actors.finance)

    assert refusal.value.code == "rule.not_adopted"


def test_a_decision_in_the_future_adopts_nothing(actors: Actors) -> None:
    drafted = draft(actors)

    with pytest.raises(Invalid) as refusal:
        adopt(actors, drafted, on=date(2025, 6, 3))

    assert refusal.value.field == "decided_on"
    assert version(drafted).decision is None


def test_an_interval_that_ends_before_it_starts_is_refused(actors: Actors) -> None:
    with pytest.raises(Invalid) as refusal:
        draft(actors, date(2025, 4, 1), date(2025, 4, 1))

    assert refusal.value.field == "valid_until"


def test_a_version_that_is_not_there_is_not_found(actors: Actors) -> None:
    with pytest.raises(NotFound):
        adopt(actors, new_id())
    with tenant_scope(OPERATOR), pytest.raises(NotFound):
        rule_versions(db.session(), "no-such-rule")


def test_a_municipality_reads_every_rule_and_drafts_none(actors: Actors) -> None:
    drafted = draft(actors)
    person = actors.municipal(actors.operator_tenant)

    with tenant_scope(new_id()):
        assert [found.id for found in rule_versions(db.session())] == [drafted]
    with pytest.raises(NotAllowed):
        draft_rule(DraftRule(name="other", label="規則", body=BODY, valid_from=date(2025, 4, 1)), actor=person)
