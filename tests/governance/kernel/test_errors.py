"""A refusal is made once: who knows its field by another name raises a new one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from governance.declaration import InvalidCommand
from governance.kernel.errors import Conflict, Invalid, NotFound, message, not_found, require_found
from governance.kernel.labels import Label, LabelledEnum


class Colour(LabelledEnum):
    RED = "red", "赤", "red one"
    BLUE = "blue", "青", "blue one"


WRONG = message("test.wrong", ja="{given} は誤りです。", en="{given} is wrong.")


class RowsRefused(Conflict):
    """A refusal with more to it than its message."""

    def __init__(self, rows: list[int]) -> None:
        super().__init__(WRONG, field="content", given="x")
        self.rows = rows


def test_a_refusal_at_another_field_is_a_new_one_of_the_same_kind() -> None:
    first = RowsRefused([1, 2])
    second = first.at("--file")

    assert (first.field, second.field) == ("content", "--file")
    assert (type(second), second.rows, second.text("en"), str(second)) == (
        RowsRefused,
        [1, 2],
        "x is wrong.",
        "x is wrong.",
    )
    assert first.renamed(str.upper).field == "CONTENT"
    assert Invalid(WRONG, given="x").renamed(str.upper).field is None


def test_a_refusal_cannot_be_edited() -> None:
    refusal = Invalid(WRONG, field="yen", given="x")

    for name, value in (("field", "other"), ("message", None), ("facts", {})):
        with pytest.raises(AttributeError, match="set once"):
            setattr(refusal, name, value)
    with pytest.raises(TypeError):
        refusal.facts["given"] = "y"  # type: ignore[index]
    assert (refusal.field, refusal.text("en")) == ("yen", "x is wrong.")


def test_an_invalid_command_renames_each_of_its_errors() -> None:
    errors = [
        Invalid(WRONG, field="yen", given="1"),
        Invalid(WRONG, given="2"),
        Invalid(WRONG, field="name", given="3"),
    ]
    spelled = InvalidCommand(errors).renamed(lambda field: f"--{field}")

    assert [error.field for error in spelled.errors] == ["--yen", None, "--name"]
    assert spelled.field == "--yen"


def test_a_lookup_that_finds_nothing_names_what_was_looked_for() -> None:
    assert require_found(0, what=Label("利用プラン", "plan"), given="x") == 0
    with pytest.raises(NotFound) as refused:
        require_found(None, what=Label("利用プラン", "plan"), given="trial", field="plan")
    assert (refused.value.field, refused.value.text("en")) == ("plan", "The plan “trial” was not found.")
    assert not_found(what=Label("利用プラン", "plan"), given=5).facts["given"] == "5"


def test_an_id_that_finds_nothing_is_not_read_out() -> None:
    for given in (UUID(int=5), str(UUID(int=5))):
        refused = not_found(what=Label("利用者", "member"), given=given)
        assert refused.text("ja") == "利用者は見つかりません。"
        assert refused.text("en") == "The member was not found."
    by_label = not_found(what=Label("連絡先", "contact"), given=Answer.YES)
    assert by_label.text("ja") == "連絡先「はい」は見つかりません。"


class Answer(LabelledEnum):
    YES = "yes", "はい", "yes"


def test_facts_are_worded_in_the_language_of_the_message() -> None:
    worded = message(
        "test.worded", ja="{state}から{possible}（{at}、{what}、{count}）", en="{state}: {possible}, {at}, {what}"
    )
    refusal = Conflict(
        worded,
        state=Colour.RED,
        possible=(Colour.BLUE, Colour.RED),
        at=datetime(2026, 3, 31, 15, 30, tzinfo=UTC),
        what=Label("団体", "tenant"),
        count=3,
    )

    assert refusal.text("ja") == "赤から青、赤（2026-04-01 00:30、団体、3）"
    assert refusal.text("en") == "red one: blue one, red one, 2026-04-01 00:30, tenant"
    assert refusal.facts["state"] == "red"
