"""Setting a document: template and facts in, PDF bytes out. The same input gives the same bytes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, Final

import typst
from pydantic import BaseModel

from governance.kernel.errors import Conflict, message

NO_GLYPH = message(
    "document.no_glyph",
    ja="「{text}」を表示できる文字が書体 {font} にないため、文書を作成できません。",
    en="The font {font} has no glyph for “{text}”, so the document cannot be produced.",
    hint_ja="登録した名称をその書体にある文字に改めるか、運用担当者に連絡してください。",
    hint_en="Enter the name with characters of that font, or contact whoever runs the installation.",
)

FONT: Final = "Noto Sans JP"

_MISSING_GLYPH: Final = re.compile(r'the text `"(.+?)"` could not be displayed')

_TEMPLATES: Final = Path(__file__).parent
_compiler_lock = Lock()


def typeset(template: str, facts: BaseModel, made_at: datetime) -> bytes:
    """The document as PDF/UA-1 (A4, tagged, Japanese). `made_at` is the time it says it was made, to the second.

    Raises Conflict for a character that the font cannot show: a paper with a hole in a name is not issued. A template
    that does not fit its facts is a bug and raises what Typst says.
    """
    inputs = {"facts": facts.model_dump_json(), "made_at": json.dumps(_parts(made_at))}
    # A compiler keeps its fonts and templates parsed, and is not meant for two threads.
    with _compiler_lock:
        try:
            pdf: bytes = _compiler(template).compile(
                format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"], timestamp=int(made_at.timestamp())
            )
        except typst.TypstError as error:
            if (missing_glyph := _MISSING_GLYPH.search(str(error))) is not None:
                raise Conflict(NO_GLYPH, text=missing_glyph[1], font=FONT) from error
            raise
    return pdf


def font_folder() -> Path:
    """Where the package keeps Noto Sans JP."""
    return Path(str(files("justmytype_intl_cjk"))) / "fonts" / "ofl" / "notosansjp"


@cache
def _compiler(template: str) -> Any:
    return typst.Compiler(
        input=str(_TEMPLATES / template),
        root=str(_TEMPLATES),
        font_paths=[str(font_folder())],
        ignore_system_fonts=True,
    )


def _parts(moment: datetime) -> dict[str, int]:
    # A date in a PDF is written without an offset of its own, so it is UTC.
    universal = moment.astimezone(UTC)
    return {name: getattr(universal, name) for name in ("year", "month", "day", "hour", "minute", "second")}
