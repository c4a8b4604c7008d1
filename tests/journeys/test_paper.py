"""The look at paper finds what it looks for: each line of the print style taken away is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import admin.interface
from tests.journeys.paper import check_paper, printed

pytestmark = pytest.mark.browser

STYLE = (Path(admin.interface.__file__).parent / "static" / "moyai.css").read_text(encoding="utf-8")

PAGE = """
<!doctype html><html lang="ja"><meta charset="utf-8"><style>{style}</style>
<header><div class="top"><button>ログアウト</button></div></header>
<main><p class="printed">令和8年11月24日（火）10:00 現在　印刷: 山田 花子</p><h1>経費</h1>
<form class="filter"><div class="field"><label>状態
<select><option value="">すべて</option></select></label></div></form>
<p><a class="button" href="/">登録する</a></p><details><summary>詳細</summary>中身</details>
<details class="whole"><summary>人吉市</summary>手順は9つ</details>
<dl class="facts">{rows}</dl></main></html>
"""
ROWS = "<dt>名称</dt><dd>基盤運用保守委託料</dd>" * 60


def _open(browser: Browser, style: str, rows: str = ROWS) -> tuple[list[str], str | None]:
    """The text of each sheet without its white space, and what the look at them complains of."""
    page = browser.new_page()
    try:
        page.set_content(PAGE.format(style=style, rows=rows))
        sheets = ["".join(sheet.text.split()) for sheet in printed(page)]
        check_paper(page)
    except AssertionError as found:
        return [], str(found)
    finally:
        page.close()
    return sheets, None


def test_a_page_comes_out_with_its_content_and_nothing_else(browser: Browser) -> None:
    sheets, complaint = _open(browser, STYLE)

    assert complaint is None
    assert len(sheets) > 1
    assert "人吉市手順は9つ" in sheets[0]
    for pressed in ("ログアウト", "登録する", "詳細", "すべて", "状態"):
        assert pressed not in sheets[0]


def test_a_short_table_is_whole_on_one_sheet(browser: Browser) -> None:
    """Wherever on the sheet it begins, its head stands above its rows, and is not repeated without them."""
    table = f"<table><thead><tr><th>参加期</th></tr></thead><tbody>{'<tr><td>令和8年度</td></tr>' * 3}</tbody></table>"
    seen = set()
    for before in range(8, 20):
        sheets, _ = _open(browser, STYLE, f"{ROWS[: len(ROWS) // 60 * before]}</dl>{table}<dl>")
        heads = [number for number, sheet in enumerate(sheets) if "参加期" in sheet]
        assert len(heads) == 1
        assert sheets[heads[0]].count("令和8年度") == 3
        seen.add(heads[0])
    assert seen == {0, 1}


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("@media screen and (prefers-color-scheme: dark)", "@media (prefers-color-scheme: dark)"),
        ('counter(page) " / " counter(pages)', '""'),
        ("@page { size: A4;", "@page { size: letter;"),
        (".printed { display: block;", ".printed {"),
        (".skip, .top,", ".skip,"),
        (".buttons, .button, button,", ".buttons, button,"),
        ("details:not([open], .whole),", ""),
        (
            "h2, h3, caption, figcaption, summary { break-after: avoid; }",
            "dl { break-inside: avoid; margin-top: 60mm; }",
        ),
    ],
)
def test_each_line_of_the_style_that_is_lost_is_noticed(browser: Browser, line: str, instead: str) -> None:
    assert STYLE.count(line) == 1

    _, complaint = _open(browser, STYLE.replace(line, instead), ROWS[: len(ROWS) // 3])

    assert complaint is not None
