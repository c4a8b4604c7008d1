"""Private files, cells of spreadsheets, and calls side by side."""

from __future__ import annotations

import stat
import threading
from contextvars import ContextVar
from pathlib import Path

import pytest

from governance.kernel.concurrency import ParallelMap
from governance.kernel.private_files import write_private
from governance.kernel.spreadsheets import escape_formula


def test_a_private_file_is_whole_readable_by_its_owner_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key.pem"

    assert write_private(path, "鍵")
    assert write_private(path, b"second")

    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_private_file_that_is_there_can_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"

    assert write_private(path, "first", replace=False)
    assert not write_private(path, "second", replace=False)

    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_cell_that_a_spreadsheet_could_run_gets_an_apostrophe(sign: str) -> None:
    assert escape_formula(f"{sign}1+1") == f"'{sign}1+1"


@pytest.mark.parametrize("text", ["", "熊本市", "1+1", "▲1,000", " =1"])
def test_a_cell_that_is_only_text_stays(text: str) -> None:
    assert escape_formula(text) == text


def test_results_come_in_the_order_of_the_items_and_see_the_callers_context() -> None:
    scope: ContextVar[str] = ContextVar("scope", default="none")
    scope.set("of the caller")
    second_done = threading.Event()

    def work(item: int) -> tuple[int, str]:
        # The first item ends after the second, and still comes first.
        assert second_done.wait(5) if item == 1 else True
        if item == 2:
            second_done.set()
        return item, scope.get()

    with ParallelMap(2, "test") as parallel:
        assert parallel.map(work, [1, 2]) == [(1, "of the caller"), (2, "of the caller")]


def test_every_call_has_ended_before_the_first_error_is_raised() -> None:
    ended: list[int] = []

    def work(item: int) -> None:
        if item == 1:
            raise ValueError("one")
        ended.append(item)

    with ParallelMap(1, "test") as parallel, pytest.raises(ValueError, match="one"):
        parallel.map(work, [1, 2, 3])

    assert ended == [2, 3]
