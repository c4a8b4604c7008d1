"""Step-up: commands that a person carries out only shortly after signing in with a second factor (RFC 9470).

A command declares it with `@handles(…, step_up=True)`; page, API and command line are held to it by the command bus. A
service client, Moyai itself and the machine's command line sign in with no second factor and are not asked: what they
may do is bounded by scopes, and none of them decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from governance.actors import Actor, ActorKind
from governance.kernel.application import ApplicationValue
from governance.kernel.errors import NotAllowed, message

STEP_UP_NEEDED: Final = message(
    "step_up.needed",
    ja="この操作には、{minutes}分以内の二要素認証でのログインが必要です。",
    en="This needs a login with a second factor within the last {minutes} minutes.",
    hint_ja="二要素認証でログインし直してから、もう一度行ってください（コマンドラインでは moyai login）。",
    hint_en="Log in again with your second factor, and then do it again (at the command line: `moyai login`).",
)

MaxAge = Callable[[Session], timedelta | None]
"""How long ago the login may have been, read in the command's transaction; None where nobody is asked."""


def _nobody_is_asked(session: Session) -> None:
    return None


STEP_UP_MAX_AGE: Final = ApplicationValue[MaxAge]("step_up_max_age", _nobody_is_asked)
"""How long a login with a second factor is fresh enough, in an installation that requires second factors."""


class StepUpNeeded(Exception):
    """The person has to sign in with a second factor first, and then the same request is carried out.

    No DomainError: a form has nothing to correct, so no page shows it beside a field. `refusal` says it in words.
    """

    def __init__(self, max_age: timedelta) -> None:
        super().__init__(STEP_UP_NEEDED.code)
        self.max_age = max_age

    @property
    def refusal(self) -> NotAllowed:
        return NotAllowed(STEP_UP_NEEDED, minutes=int(self.max_age.total_seconds() // 60))


def require_step_up(session: Session, actor: Actor, now: datetime) -> None:
    """Raise StepUpNeeded for a person whose last login with a second factor is too long ago, or who had none."""
    if actor.kind is not ActorKind.PERSON:
        return
    max_age = STEP_UP_MAX_AGE.get()(session)
    if max_age is None:
        return
    if actor.second_factor_at is None or actor.second_factor_at <= now - max_age:
        raise StepUpNeeded(max_age)
