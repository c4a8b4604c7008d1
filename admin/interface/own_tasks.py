"""What waits for whoever asks: on a page, over the API, at the command line of the machine."""

from __future__ import annotations

from flask import g, has_request_context

from admin.core.guard import current_actor
from admin.workflows.waiting import Waiting, waiting
from governance.actors import Actor, command_line_actor
from governance.kernel import clock
from governance.kernel.database import db
from tenancy import directory


def asking_actor() -> Actor:
    """The actor of the request; at the command line of the machine, the user there. Raises NotFound before the operator
    is registered."""
    return current_actor() if has_request_context() else command_line_actor(directory.operator(db.session()).id)


def own_waiting() -> list[Waiting]:
    """What waits and the one who asks has to do with; read once a request."""
    if not has_request_context():
        return waiting(db.session(), asking_actor(), clock.now())
    if "own_waiting" not in g:
        g.own_waiting = waiting(db.session(), current_actor(), clock.now())
    found: list[Waiting] = g.own_waiting
    return found
