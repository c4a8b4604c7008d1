"""What pages say stands in the Japanese catalogue: all of it, nothing else, and compiled as it is written.

`make messages` puts right what this file finds, apart from the translating.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT: Final = Path(__file__).parents[2]
CATALOGUE: Final = ROOT / "admin/interface/translations/ja/LC_MESSAGES/messages.po"
TEMPLATES: Final = tuple(sorted((ROOT / "admin").rglob("*.html")))
MODULES: Final = tuple(sorted((ROOT / "admin").rglob("*.py")))
TRANSLATORS: Final = {"_", "gettext", "ngettext", "pgettext", "npgettext", "N_"}

Key = tuple[str | None, str | tuple[str, ...]]
"""Context and text; for a number, its text in the singular and in the plural."""


@cache
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file)


def entries() -> Iterator[Message]:
    return (entry for entry in catalogue() if entry.id)


def key(entry: Message) -> Key:
    return entry.context, tuple(entry.id) if isinstance(entry.id, (list, tuple)) else entry.id


def both(text: object) -> tuple[str, ...]:
    """The forms of a text: one, or one for each number."""
    return (text,) if isinstance(text, str) else tuple(str(each) for each in text)  # type: ignore[attr-defined]


@cache
def said() -> dict[Key, str]:
    """What the pages say, and where, found as `make messages` finds it."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"]["mappings"]
    methods = [(each["pattern"], each["method"]) for each in mappings]
    options = {each["pattern"]: {k: v for k, v in each.items() if k not in ("pattern", "method")} for each in mappings}
    found: dict[Key, str] = {}
    for file, line, text, _, context in extract_from_dir(ROOT / "admin", methods, options):
        found.setdefault((context, tuple(text) if isinstance(text, (list, tuple)) else text), f"{file}:{line}")
    return found


@pytest.mark.slow
def test_every_text_of_a_page_has_an_entry() -> None:
    known = {key(entry) for entry in entries()}

    assert {text: where for text, where in said().items() if text not in known} == {}


@pytest.mark.slow
def test_every_entry_is_said_somewhere() -> None:
    assert [key(entry) for entry in entries() if key(entry) not in said()] == []


def test_every_entry_is_translated_and_none_is_a_guess() -> None:
    # The header is not looked at: Babel counts it as fuzzy where it says so.
    assert [key(entry) for entry in entries() if not all(both(entry.string)) or not entry.string] == []
    assert [key(entry) for entry in entries() if entry.fuzzy] == []
    assert [
        key(entry) for entry in entries() if entry.pluralizable and len(both(entry.string)) != catalogue().num_plurals
    ] == []
    assert catalogue().obsolete == {}


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    differing = [
        key(entry)
        for entry in entries()
        if {name for text in both(entry.id) for name in placeholders(text)}
        != {name for text in both(entry.string) for name in placeholders(text)}
    ]

    assert differing == []


def test_a_text_is_neither_markup_nor_a_loose_percent_sign() -> None:
    """Jinja takes a catalogue's text as markup and always fills it."""
    texts = [text for entry in entries() for text in (*both(entry.id), *both(entry.string))]

    assert [text for text in texts if re.search(r'[<>&"\\]', text)] == []
    assert [text for text in texts if "%" in re.sub(r"%\(\w+\)s|%%", "", text)] == []


def test_the_compiled_catalogue_is_what_the_written_one_compiles_to() -> None:
    compiled = BytesIO()
    write_mo(compiled, catalogue())

    assert CATALOGUE.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run make messages"


def test_a_template_says_nothing_in_japanese_and_no_pair() -> None:
    """Outside of what it gives the catalogue: there an English text may quote a Japanese one."""
    wrong = []
    for path in TEMPLATES:
        source = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.S)
        source = re.sub(r"""\b(_|n?p?gettext)\((("[^"]*"|'[^']*'),? ?)+""", "", source)
        wrong += [f"{path.name}: {text}" for text in re.findall(r".{0,30}either\(\s*[\"'].{0,30}", source)]
        # The language of a document is named in itself, and so is the product.
        source = re.sub("日本語|催合", "", source)
        wrong += [f"{path.name}: {text}" for text in re.findall(r".{0,20}[ぁ-ゖァ-ヺ一-鿿].{0,20}", source)]

    assert wrong == []


@pytest.mark.slow
def test_a_module_gives_the_catalogue_literal_texts_and_no_pair() -> None:
    wrong = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {
            id(node) for string in ast.walk(tree) if isinstance(string, ast.JoinedStr) for node in ast.walk(string)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            texts = node.args[: 2 if node.func.id == "ngettext" else 1]
            literal = all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts)
            if (node.func.id in TRANSLATORS and (not literal or id(node) in inside)) or (
                node.func.id == "either" and any(isinstance(each, (ast.Constant, ast.JoinedStr)) for each in node.args)
            ):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")

    assert wrong == []


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))
