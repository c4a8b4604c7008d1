"""The manuals as PDF by Pandoc and Typst: `python -m tests.journeys.manuals_pdf [FOLDER]`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

import pypandoc
import typst

from billing.documents.typeset import FONT, font_folder
from tests.journeys.manuals import FOLDER, MANUALS

_LAYOUT: Final = f"""
#set document(title: [Moyai 操作手引])
#set page(
  paper: "a4", margin: (x: 22mm, y: 20mm),
  header: align(right, text(size: 8pt)[Moyai 催合 操作手引]),
  footer: align(center, context text(size: 8pt, counter(page).display("1 / 1", both: true))),
)
#set text(font: "{FONT}", lang: "ja", size: 10pt)
#set par(leading: 0.9em, spacing: 1.2em)
#set table(stroke: 0.5pt + luma(60%))
#set image(width: 100%)
#show heading.where(level: 1): set text(size: 18pt)
#show heading.where(level: 2): set block(above: 1.6em, below: 0.9em, sticky: true)
#show figure: set block(breakable: false)
#set figure(supplement: none, numbering: none)
#show figure.caption: set text(size: 8pt)
#let horizontalrule = line(length: 100%)
"""


_PICTURE: Final = re.compile(r"^!\[([^\]]+)\]\((screens/[a-z-]+\.png)\)$", re.MULTILINE)


def _figure(found: re.Match[str]) -> str:
    alt = json.dumps(found[1], ensure_ascii=False)
    return f'```{{=typst}}\n#figure(image("{found[2]}", alt: {alt}), caption: [{found[1]}])\n```'


def typeset_manual(manual: str, folder: Path) -> Path:
    """Set a manual of MANUALS as `folder/<manual>.pdf`: PDF/UA-1, A4, with the pictures of docs/manuals."""
    text = (FOLDER / f"{manual}.md").read_text(encoding="utf-8")
    # Pandoc's Typst has no place for what a picture shows, which PDF/UA-1 asks for.
    body = pypandoc.convert_text(_PICTURE.sub(_figure, text), "typst", format="commonmark_x")
    source = folder / f"{manual}.typ"
    source.write_text(_LAYOUT + body, encoding="utf-8")
    pictures = folder / "screens"
    if not pictures.exists():
        pictures.symlink_to(FOLDER / "screens")
    paper = folder / f"{manual}.pdf"
    pdf = typst.compile(
        str(source), root="/", font_paths=[str(font_folder())], ignore_system_fonts=True, pdf_standards=["ua-1"]
    )
    paper.write_bytes(pdf)
    return paper


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build/manuals")
    target.mkdir(parents=True, exist_ok=True)
    for name in MANUALS:
        print(typeset_manual(name, target))
