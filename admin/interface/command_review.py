"""What a stored command would do, for the person who decides it: derived from its fields and its entry point.

The labels and readings are those of the confirm page that its requester saw: what the command is about, its fields with
what stands there now, and what the entry point adds. Nothing here knows a command by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from admin.interface.entry_points import EntryPoint, Fact, FormContext, ReviewTable
from governance.commands import Command
from governance.declaration import DeclaredField, declared_fields
from governance.kernel.digest import digest_of
from governance.kernel.errors import DomainError, Language, NotFound
from governance.kernel.field_types import ID
from tenancy import directory


@dataclass(slots=True)
class CommandReview:
    """A command as its decider reads it. `digest` is that of what may change: figures, and what stands there now."""

    facts: list[Fact] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tables: list[ReviewTable] = field(default_factory=list)
    digest: str = ""


def review(
    entry_point: EntryPoint | None, command: Command, session: Session, language: Language, *, is_open: bool = True
) -> CommandReview:
    """What the command is about, each of its fields, and what else its confirm page shows.

    While the request `is_open`, a field that changes something shows what stands there now, too.
    """
    made = CommandReview()
    given = {name: getattr(command, name) for name in type(command).model_fields}
    about = _about(entry_point, given, session, language)
    made.facts += about.facts
    made.warnings += about.warnings
    hidden = frozenset() if entry_point is None else entry_point.hidden
    present = {} if entry_point is None or not is_open else dict(entry_point.present_values(session, given))
    resolved = _resolved(entry_point, command, session) if is_open else {}
    for one in declared_fields(type(command)):
        value = given[one.name]
        if one.name in hidden:
            continue
        if one.field_type.name == ID.name and not one.is_list:
            # Where something says what the command is about, an id says nothing more.
            if not about.facts:
                made.facts.append(Fact(one.input.label.text(language), _named(one, value, session, language)))
        elif one.is_list and value and isinstance(value[0], BaseModel):
            made.tables.append(_table(one, value, language))
        else:
            shown = one.show(value, language, session)
            if one.name in present and present[one.name] != value:
                shown = f"{one.show(present[one.name], language, session)} → {shown}"
            if value is None and resolved.get(one.name) is not None:
                shown = if_approved_today(one.show(resolved[one.name], language, session), language)
            made.facts.append(Fact(one.input.label.text(language), shown))
    more = _consequences(entry_point, command, session, language)
    made.facts += more.facts
    made.warnings += more.warnings
    made.tables += more.tables
    same = _consequences(entry_point, command, session, "en")
    before = {name: str(value) for name, value in (*present.items(), *resolved.items())}
    made.digest = digest_of([same.digested, before])
    return made


def if_approved_today(shown: str, language: Language) -> str:
    """A value that an empty field comes to where another person still decides: that of the day of the decision."""
    return f"{shown}（本日承認された場合）" if language == "ja" else f"{shown} (if approved today)"


def _about(entry_point: EntryPoint | None, given: dict[str, Any], session: Session, language: Language) -> FormContext:
    if entry_point is None:
        return FormContext()
    about = entry_point.about or (entry_point.page.about if entry_point.page is not None else None)
    try:
        return FormContext() if about is None else about(session, given, language)
    except NotFound as gone:
        # The request can still be sent back.
        return FormContext(warnings=[gone.text(language)])


def _consequences(
    entry_point: EntryPoint | None, command: Command, session: Session, language: Language
) -> FormContext:
    if entry_point is None or entry_point.page is None or entry_point.page.consequences is None:
        return FormContext()
    try:
        return entry_point.page.consequences(session, command, language)
    except DomainError as refused:
        # What an approval would meet now. The request can still be sent back.
        return FormContext(warnings=[refused.text(language)])


def _resolved(entry_point: EntryPoint | None, command: Command, session: Session) -> dict[str, object]:
    try:
        return {} if entry_point is None else dict(entry_point.resolved_values(session, command))
    except DomainError:
        # Why it cannot be done today is among the consequences.
        return {}


def _named(one: DeclaredField, value: Any, session: Session, language: Language) -> str:
    if one.name == "tenant_id":
        try:
            return directory.tenant_by_id(session, value).name
        except NotFound as gone:
            return gone.text(language)
    return one.show(value, language, session)


def _table(one: DeclaredField, rows: Sequence[BaseModel], language: Language) -> ReviewTable:
    fields = declared_fields(type(rows[0]))
    return ReviewTable(
        one.input.label.text(language),
        [column.input.label.text(language) for column in fields],
        [[column.show(getattr(row, column.name), language) for column in fields] for row in rows],
    )
