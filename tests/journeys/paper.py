"""What the browser's own print makes of a page, sheet by sheet, and what is looked at on paper."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from unicodedata import normalize

from playwright.sync_api import Page
from pypdf import PdfReader

from tests.programs import required

A4: Final = (595, 842)
"""Points."""

LARGEST_GAP: Final = 0.45
"""Of the height of a sheet, from a line to the next one or to the number at its foot."""

_DOTS_PER_INCH: Final = 24
_FOOT: Final = 0.07
"""Of the height: where the page number stands."""

_PRESSED: Final = (
    "[...document.querySelectorAll('button, .button, nav, [role=search]:not(.filter), input[type=submit], header .top,"
    " footer, details:not([open], .whole) > summary')]"
    ".filter(e => e.checkVisibility() && e.offsetHeight && !e.closest('.visually-hidden'))"
    ".map(e => e.outerHTML.slice(0, 120))"
)


@dataclass(frozen=True)
class Sheet:
    """One sheet as a small grey picture, rows of bytes from 0 (black) to 255."""

    size: tuple[float, float]
    text: str
    rows: tuple[bytes, ...]

    @cached_property
    def largest_gap(self) -> float:
        """The highest empty stripe below the first ink, as a part of the sheet's height; the foot counts as ink."""
        foot = int(len(self.rows) * (1 - _FOOT))
        inked = [at for at, row in enumerate(self.rows[:foot]) if min(row) < 200]
        return max((after - at for at, after in zip(inked, [*inked[1:], foot], strict=True)), default=foot) / len(
            self.rows
        )

    @property
    def darkness(self) -> float:
        """From 0, an empty sheet, to 1."""
        return 1 - sum(map(sum, self.rows)) / (255 * sum(map(len, self.rows)))


def printed(page: Page) -> list[Sheet]:
    """The sheets that come out of the printer, on the paper that the page's own style chooses."""
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    sheets = PdfReader(io.BytesIO(pdf)).pages
    pictures = _pictures(pdf)
    return [
        # Of a few signs the font has the radical that looks the same, which is another character.
        Sheet(
            (float(sheet.mediabox.width), float(sheet.mediabox.height)),
            normalize("NFKC", sheet.extract_text()),
            picture,
        )
        for sheet, picture in zip(sheets, pictures, strict=True)
    ]


def check_paper(page: Page) -> None:
    """A4, numbered, with who printed it when; nothing to press, nothing dark, no sheet but the last half empty."""
    page.emulate_media(media="print", color_scheme="dark")
    try:
        assert page.evaluate(_PRESSED) == [], page.url
        sheets = printed(page)
    finally:
        page.emulate_media(media="null", color_scheme="light")
    first = re.sub(r"\s+", "", sheets[0].text)
    assert re.search(r"令和\d+年\d+月\d+日\(.\)\d+:\d\d現在", first), (page.url, sheets[0].text[:300])
    for number, sheet in enumerate(sheets, start=1):
        where = f"{page.url}, sheet {number} of {len(sheets)}"
        assert [abs(has - wanted) < 2 for has, wanted in zip(sheet.size, A4, strict=True)] == [True, True], where
        assert f"{number}/{len(sheets)}" in re.sub(r"\s+", "", sheet.text), where
        assert sheet.darkness < 0.2, where
        assert number == len(sheets) or sheet.largest_gap < LARGEST_GAP, (where, sheet.largest_gap)


def _pictures(pdf: bytes) -> list[tuple[bytes, ...]]:
    """Each sheet's rows of grey dots."""
    drawn = subprocess.run(
        [required("pdftoppm", "poppler-utils"), "-gray", "-r", str(_DOTS_PER_INCH), "-"],
        input=pdf,
        capture_output=True,
        check=True,
    ).stdout
    found = []
    while drawn:
        # Each picture is a portable grey map: its kind, its size, its brightest value, then its dots.
        kind, width, height, brightest, dots = re.split(rb"\s", drawn, maxsplit=4)
        assert (kind, brightest) == (b"P5", b"255")
        across, down = int(width), int(height)
        found.append(tuple(dots[row * across : (row + 1) * across] for row in range(down)))
        drawn = dots[across * down :]
    return found
