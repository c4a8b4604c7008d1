"""Commands and options under the names of version 0.1.0: they work, and the present name is told on standard error."""

from __future__ import annotations

import pytest

from admin.cli import FORMER_COMMANDS, FORMER_OPTIONS, with_current_names
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded
from tests.factories import Factory


@pytest.mark.parametrize(
    ("given", "current", "named"),
    [
        (["client", "list", "431001"], ["service-client", "list", "431001"], ["service-client"]),
        (["quota", "choose", "431001", "client"], ["quota", "assign", "431001", "client"], ["quota assign"]),
        (["tenant", "figure", "x"], ["tenant", "statistic", "x"], ["tenant statistic"]),
        (["tenant", "move", "x", "--reason", "r"], ["tenant", "change-state", "x", "--reason", "r"], ["change-state"]),
        (["ledger", "reverse", "x", "--why=a=b"], ["ledger", "reverse", "x", "--reason=a=b"], ["--reason"]),
        (["quota", "decide", "--why", "r"], ["quota", "decide", "--reason", "r"], ["--reason"]),
        (["tenant", "edit", "x", "--without", "code"], ["tenant", "edit", "x", "--clear", "code"], ["--clear"]),
        (["quota", "decide", "--", "--why"], ["quota", "decide", "--", "--why"], []),
        (["tenant", "show", "--why"], ["tenant", "show", "--why"], []),
        (["tenant", "list"], ["tenant", "list"], []),
        ([], [], []),
    ],
)
def test_former_words_become_present_ones(
    given: list[str], current: list[str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert with_current_names(given) == current
    notice = capsys.readouterr()
    assert notice.out == ""
    assert notice.err.count("\n") == len(named)
    assert all(name in notice.err for name in named)


def test_a_former_command_does_what_the_present_one_does(moyai: Moyai, factory: Factory) -> None:
    factory.kumamoto_city()
    factory.define_standard()

    code, answer, notice = moyai("quota", "choose", "431001", "standard")

    assert (code, list(answer)) == (0, ["tenant_plan_id"])
    assert "quota assign" in notice
    assert len(recorded("plan.assigned")) == 1


def test_no_help_text_shows_a_former_name(moyai: Moyai) -> None:
    for words in {former[:-1] for former in FORMER_COMMANDS} | set(FORMER_OPTIONS):
        code, shown, _ = moyai.text(*words, "--help")
        assert code == 0
        gone = [former[-1] for former in FORMER_COMMANDS if former[:-1] == words] + list(FORMER_OPTIONS.get(words, {}))
        assert not [name for name in gone if f"  {name} " in shown]
