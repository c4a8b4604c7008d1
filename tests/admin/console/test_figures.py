"""Each figure on an object's page leads to its source in one click.

A figure is the value of a card, a number in a column of numbers, or a number with a unit (円, 人, 団体, 件, 通, ％) in
the text. It leads to its source where it is a link, or its card, row, fact, item or paragraph has one; where the
section ends with a link to the source (`source`); or where it adds up rows that have links. What people typed has the
history as its source. Captions and headings count the rows below them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

import pytest

from governance.permissions import Role
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_object_pages import OBJECTS
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]

_WITH_UNIT: Final = re.compile(r"\d\s*(?:円|人|団体|件|通|％|%)")
_DIGIT: Final = re.compile(r"\d")
_NO_FIGURES: Final = {"svg", "time", "caption", "h1", "h2", "h3", "th", "form", "nav", "button", "summary", "script"}
_EMPTY: Final = {"br", "hr", "img", "input", "link", "meta", "col", "path", "rect", "line", "circle", "use"}
_OWN_TEXT: Final = {"document", "note", "record", "code"}
"""Classes of parts whose numbers are a text's own, not figures of the page."""


@dataclass(eq=False)
class Node:
    """An element with its attributes and children; a text is a child that is a str."""

    tag: str
    given: dict[str, str]
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.given.get("class", "").split())

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def above(self) -> Iterator[Node]:
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    @property
    def links(self) -> list[str]:
        return [one.given["href"] for one in self.walk() if one.tag == "a" and "href" in one.given]


class _Tree(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self._at = Node("", {})
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.children.append(node)
        if tag not in _EMPTY:
            self._at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at.children.append(Node(tag, {}, self._at))

    def handle_endtag(self, tag: str) -> None:
        for node in self._at.above():
            if node.tag == tag and node.parent is not None:
                self._at = node.parent
                return

    def handle_data(self, data: str) -> None:
        self._at.children.append(data)


def figures(page: str) -> list[tuple[Node, str]]:
    """The elements of the page's content that hold a figure, with its text."""
    found = []
    main = next(one for one in _Tree(page).root.walk() if one.tag == "main")
    for node in main.walk():
        if any(one.tag in _NO_FIGURES or one.classes & _OWN_TEXT or _is_record(one) for one in node.above()):
            continue
        own = "".join(child for child in node.children if isinstance(child, str))
        is_value = node.tag == "p" and "value" in node.classes and _DIGIT.search(node.text)
        is_number = node.tag == "td" and "yen" in node.classes and _DIGIT.search(node.text)
        is_inside = any(one.tag == "td" and "yen" in one.classes for one in list(node.above())[1:])
        if is_value or is_number or (_WITH_UNIT.search(own) and not is_inside):
            found.append((node, " ".join(node.text.split())))
    return found


def _is_record(node: Node) -> bool:
    """A table of the audit log, whose rows tell what happened; and the list of the last events beside an object."""
    if node.tag == "table":
        return "だれが、いつ、何をしたか" in node.text
    return node.tag == "ul" and bool(node.parent) and "最近の履歴" in _heading_before(node)


def _section(node: Node) -> list[Node]:
    """The elements between the headings around the node: its siblings, at the level at which headings stand."""
    for one in node.above():
        parent = one.parent
        if parent is not None and (parent.classes & {"object-main", "glance"} or parent.tag == "main"):
            siblings = [child for child in parent.children if isinstance(child, Node)]
            at = siblings.index(one)
            first = max((i for i in range(at + 1) if siblings[i].tag == "h2"), default=0)
            last = min((i for i in range(at + 1, len(siblings)) if siblings[i].tag == "h2"), default=len(siblings))
            return siblings[first:last]
    return []


def _heading_before(node: Node) -> str:
    section = _section(node)
    return section[0].text if section and section[0].tag == "h2" else ""


def sources(node: Node) -> list[str]:
    """The addresses to which a figure leads in one click; none where it leads nowhere."""
    for one in node.above():
        if one.tag in ("a", "li", "tr", "dd", "p", "figcaption") and ("value" not in one.classes) and one.links:
            return one.links
        if one.tag == "a" and "href" in one.given:
            return [one.given["href"]]
    section = _section(node)
    if found := [
        address for one in section for part in one.walk() if "source" in part.classes for address in part.links
    ]:
        return found
    adds_up = any(one.tag == "tfoot" or "figures" in one.classes for one in node.above())
    rows = [part for one in section for part in one.walk() if part.tag == "tbody"]
    return [address for part in rows for address in part.links] if adds_up else []


def _pages(sample: ConsoleSample, name: str) -> tuple[Role, list[str]]:
    if name == "tenant":
        first = f"/tenants/{sample.tenant_id}"
        return Role.OPERATOR_AUDITOR, [first, *(f"{first}/{part}" for part in ("people", "systems", "quotas", "money"))]
    one = OBJECTS[name]
    first = one.address(sample)
    return one.role, [first, *(f"{first}/{part}" for part in one.parts if part != "history")]


@pytest.mark.parametrize("name", [*OBJECTS, "tenant"])
def test_each_figure_leads_to_its_source_in_one_click(sample: ConsoleSample, visit_as: VisitAs, name: str) -> None:
    role, addresses = _pages(sample, name)
    visit = visit_as(role)
    nowhere, opened = [], set()

    for address in addresses:
        page = visit.get(address)
        assert page.status_code == 200, address
        for node, text in figures(page.text):
            found = sources(node)
            if not found:
                nowhere.append((address, text))
            opened |= {urljoin(address, one) for one in found}

    assert nowhere == []
    for one in sorted(opened):
        path, _, anchor = one.partition("#")
        answer = visit.get(path)
        assert answer.status_code in (200, 303), one
        assert not anchor or f'id="{anchor}"' in answer.text, one
        assert urlsplit(one).netloc == ""


def test_the_test_finds_a_figure_that_leads_nowhere() -> None:
    lone = '<main><ul class="figures"><li class="figure"><p class="value">1,000円</p></li></ul></main>'
    linked = lone.replace("</li>", '<p class="under"><a href="/x">もと</a></p></li>')
    row = '<main><div class="object-main"><table><tbody><tr><td class="yen">5</td></tr></tbody></table></div></main>'

    assert [text for node, text in figures(lone) if not sources(node)] == ["1,000円"]
    assert [sources(node) for node, _ in figures(linked)] == [["/x"]]
    assert [sources(node) for node, _ in figures(row)] == [[]]
    assert [sources(node) for node, _ in figures(row.replace("<td", '<td><a href="/y">名</a></td><td'))] == [["/y"]]
