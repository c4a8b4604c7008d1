"""Which columns of a list its reader sees: a template names those that can be left out, the reader leaves them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask import Flask, g, has_request_context
from sqlalchemy.orm import Session

from admin.interface.columns import Column
from admin.interface.own_tasks import asking_actor
from admin.interface.pages import session
from governance.actors import ActorKind
from tenancy.preferences.columns import COLUMNS, ListColumn, ListName, hidden_columns
from tenancy.preferences.commands import person_of

Hidden = Mapping[ListName, frozenset[ListColumn]]


def own_hidden_columns(of: Session) -> Hidden:
    """What whoever asks has left out, by list; nothing for who is no person. Read once a request."""
    actor = asking_actor()
    if actor.kind is not ActorKind.PERSON:
        return {}
    if not has_request_context():
        return hidden_columns(of, actor.tenant_id, person_of(actor))
    if "own_hidden_columns" not in g:
        g.own_hidden_columns = hidden_columns(of, actor.tenant_id, person_of(actor))
    found: Hidden = g.own_hidden_columns
    return found


def own_columns(list_name: str, columns: Sequence[Column | None]) -> list[Column | None]:
    """The columns of this list, those hidden that its reader has left out.

    Raises ValueError for a column whose `choice` the list does not declare.
    """
    of_list = ListName(list_name)
    hidden = own_hidden_columns(session()).get(of_list, frozenset())
    for one in columns:
        if one is not None and one.choice and one.choice not in COLUMNS[of_list]:
            raise ValueError(f"the list {list_name} has no column {one.choice} to be left out")
    return [
        replace(one, is_hidden=True) if one is not None and one.choice and one.choice in hidden else one
        for one in columns
    ]


def init_list_columns(app: Flask) -> None:
    """Make `own_columns` known to the templates."""
    app.jinja_env.globals["own_columns"] = own_columns
