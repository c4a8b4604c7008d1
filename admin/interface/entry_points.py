"""Entry points of commands: one declaration from which API route, command-line command, form and confirm page come.

A feature lists its entry points in `entry_points.py`. Nothing here asks which command it serves; what is special of
one is a function of its declaration: what is shown beside the form (`about`), what the confirm page adds
(`consequences`), where it goes afterwards (`then`). Permission, fields, limits, labels and messages are the command's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy.orm import Session

from admin.interface.deprecation import Deprecation
from governance.actors import Actor
from governance.commands import ApprovedCommandHandler, Command, CommandHandler, Result, require
from governance.declaration import DeclaredField, declared_fields
from governance.kernel.errors import DomainError, Language, NotFound
from governance.kernel.labels import Label
from governance.permissions import DECIDABLE_BY, Role, SecondPerson

_NOTHING: Final = Label("", "")


class Fact(NamedTuple):
    """One line beside a form or on a confirm page: what it is, and its value as people read it."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ReviewTable:
    """Several rows on a confirm page: what they are, the columns' names, and the cells as people read them.

    `links` has an address for each row, that of its first cell; none for rows that lead nowhere. `yen` are the places
    of columns of numbers, counted from 0.
    """

    label: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    links: Sequence[str] = ()
    yen: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FormContext:
    """What a page shows beside the form: facts to compare with, warnings and tables, in the language of the request.

    `actions` are the label and the address of what a reader may want to do first.
    """

    facts: Sequence[Fact] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[ReviewTable] = ()
    actions: Sequence[tuple[str, str]] = ()

    @property
    def digested(self) -> list[object]:
        """What a confirmation is bound to: all of it but the addresses."""
        return [
            [list(one) for one in self.facts],
            list(self.warnings),
            [[table.label, [list(row) for row in table.rows]] for table in self.tables],
        ]


@dataclass(frozen=True, slots=True)
class ApiAddress:
    """Where the API takes the command. `path_params` says which field each part of the address fills."""

    method: str
    rule: str
    path_params: Mapping[str, str]
    has_version: bool = False
    deprecation: Deprecation | None = None


@dataclass(frozen=True, slots=True)
class CliAddress:
    """How the command line takes it: `path` such as "cost record", then the positional arguments in order.

    `arguments` names the field of each argument; the tenant's is given as its code or id. `actor` says who acts, given
    the CliContext and the command, where it is not simply the person at the operator's machine.
    """

    path: str
    arguments: tuple[str, ...]
    actor: Callable[[Any, Any], Actor] | None = None

    @property
    def group(self) -> str:
        return self.path.partition(" ")[0]

    @property
    def name(self) -> str:
        return self.path.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class PageAddress:
    """Where the console asks for it, and where it goes afterwards.

    `rule` is a Flask rule whose converters fill fields of the same name. `about`, `start` (values that the form
    proposes) and `choices` (of one field, in place of the field's own) are given the session and those fields;
    `consequences` and `confirm_text` (what must be typed on the confirm page; empty for nothing) the session and the
    whole command; `then` the command and its result, and gives an address. `done` is what a form says above itself that
    leads back to itself (`?done=` in the address). `meanwhile` says what was done to a record
    that changed while it was edited. `left_out` names the fields that this object does not ask for, given the session
    and the address's fields. `refusal`, given the same, is what the command refuses of this object whatever is
    entered: the form says it in place of its fields. Without `is_reviewed` the form has no confirm page: it is sent at
    once.
    """

    rule: str
    endpoint: str
    then: Callable[[Any, Any], str]
    back: Callable[[Mapping[str, Any]], tuple[Label, str]] | None = None
    intro: Label = _NOTHING
    review_intro: Label = _NOTHING
    done: Label = _NOTHING
    about: Callable[[Session, Mapping[str, Any], Language], FormContext] | None = None
    consequences: Callable[[Session, Any, Language], FormContext] | None = None
    start: Callable[[Session, Mapping[str, Any]], Mapping[str, object]] | None = None
    choices: Mapping[str, Callable[[Session, Mapping[str, Any], Language], Sequence[tuple[str, str]]]] = field(
        default_factory=dict
    )
    confirm_text: Callable[[Session, Any], str] | None = None
    meanwhile: Callable[[Session, Mapping[str, Any]], Sequence[Fact]] | None = None
    left_out: Callable[[Session, Mapping[str, Any]], Collection[str]] | None = None
    refusal: Callable[[Session, Mapping[str, Any]], DomainError | None] | None = None
    is_reviewed: bool = True
    is_dangerous: bool = False
    is_tried: bool = True
    """Whether 確認 tries the command and undoes it, so that it refuses what 登録 would refuse."""

    @property
    def path_fields(self) -> list[str]:
        """The fields that the rule's converters fill."""
        return re.findall(r"<(?:\w+:)?(\w+)>", self.rule)


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One command with its places. `label` is what the console calls the action, `button` what its button says."""

    handler: CommandHandler[Any, Any]
    label: Label
    button: Label
    api: ApiAddress | None = None
    cli: CliAddress | None = None
    page: PageAddress | None = None
    hidden: frozenset[str] = field(default_factory=frozenset)
    """Fields that no person enters, because another field, the actor or the page fills them."""
    about: Callable[[Session, Mapping[str, Any], Language], FormContext] | None = None
    """What the command is about, for the person who decides it, where it has no derived form that says so."""
    record: Callable[[Session, Mapping[str, Any]], Mapping[str, object]] | None = None
    """The present values of what the command replaces as a whole, by field, its version among the hidden ones.

    The form begins with them and its confirm page shows what changes; an option that the command line does not get
    stays as it is, and `--clear` empties it. Given the session and the fields that the address fills.
    """

    resolved: Callable[[Session, Any], Mapping[str, object]] | None = None
    """What fields that were left empty come to if it is done today, by field, given the session and the command."""

    acts_as: Callable[[Actor, Any], Actor] | None = None
    """As whom the one who asks carries the command out, given both, where it is not simply themselves.

    Raises NotFound where they are nobody whom the command is about.
    """

    before: Callable[[Session, Mapping[str, Any]], Mapping[str, object]] | None = None
    """The present values of what the command changes, by field, where it replaces no `record`: for who decides it."""

    def actor_of(self, asking: Actor, command: Command) -> Actor:
        """Who carries the command out. Raises NotAllowed where who asks lacks its permission, and as `acts_as`."""
        if self.acts_as is None:
            return asking
        require(asking, self.handler.permission)
        return self.acts_as(asking, command)

    def resolved_values(self, session: Session, command: Command) -> Mapping[str, object]:
        """What the command's empty fields come to today. Raises what the command would refuse."""
        return {} if self.resolved is None else self.resolved(session, command)

    @property
    def command_type(self) -> type[Command]:
        command_type: type[Command] = self.handler.command_type
        return command_type

    def present_values(self, session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
        """What stands there now, by field of the command; empty where nothing does. Given all fields of a command."""
        read = self.record or self.before
        try:
            return {} if read is None else read(session, given)
        except NotFound:
            return {}

    @property
    def result_type(self) -> type[Result]:
        result_type: type[Result] = self.handler.result_type
        return result_type

    @property
    def deciders(self) -> frozenset[Role]:
        """The roles that decide the command, where it always needs a second person."""
        handler = self.handler
        if not isinstance(handler, ApprovedCommandHandler) or not isinstance(handler.second_person, SecondPerson):
            return frozenset()
        return frozenset(role for role, kinds in DECIDABLE_BY.items() if handler.second_person in kinds)

    def fields(self, *, without: Sequence[str] = ()) -> list[DeclaredField]:
        """The fields a person enters, in the order of the command, but for those that an address fills."""
        return [
            one for one in declared_fields(self.command_type) if one.name not in without and one.name not in self.hidden
        ]


def api(
    address: str, /, *, version: bool = False, deprecation: Deprecation | None = None, **path_params: str
) -> ApiAddress:
    """`api("POST /costs/<item>/withdrawal", item="item_id")`. With `version` the record's version is in If-Match."""
    method, _, rule = address.partition(" ")
    missing = set(re.findall(r"<(\w+)>", rule)) ^ set(path_params)
    if missing:
        raise ValueError(f"{address}: {sorted(missing)} must stand both in the address and in the fields it fills")
    return ApiAddress(method, rule, path_params, version, deprecation)


def cli(path: str, *arguments: str, actor: Callable[[Any, Any], Actor] | None = None) -> CliAddress:
    """`cli("cost record", "fiscal_year")`: the command's path, then the fields of its positional arguments."""
    return CliAddress(path, arguments, actor)
