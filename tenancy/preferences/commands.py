"""Commands of preferences: whoever sends them changes their own, and no field could name another person."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from governance.actors import Actor, ActorKind
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.era import DateNotation
from governance.kernel.errors import NotAllowed, message
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.queries import saved_preferences
from tenancy.preferences.states import DigestFrequency, ScreenLanguage, TableDensity
from tenancy.preferences.tables import PersonPreferences

OF_PEOPLE: Final = message(
    "preferences.of_people",
    ja="設定は、ログインした本人だけが変えられます。",
    en="Preferences belong to a person who is signed in.",
    hint_ja="moyai login で本人としてログインしてから行ってください。",
    hint_en="Sign in as yourself with `moyai login` first.",
)


class SavePreferences(Command):
    """All of one's own preferences."""

    language: Annotated[
        ScreenLanguage,
        Input("言語", "Language", Label("画面と、あなたに届くメールの言語です。", "Of pages, and of mails to you.")),
    ]
    date_notation: Annotated[
        DateNotation,
        Input(
            "日付と年度の表記",
            "Dates and years in Japanese",
            Label(
                "日本語の画面での書き方です。納入通知書などの書類とファイルは変わりません。",
                "On Japanese pages. Documents and files stay as they are.",
            ),
        ),
    ]
    table_density: Annotated[TableDensity, Input("表の行の間隔", "Rows of tables")]
    digest_mail: Annotated[
        DigestFrequency,
        Input(
            "対応待ちのお知らせメール",
            "Mail about what waits for you",
            Label(
                "対応待ちがある朝だけ、8時ごろに届きます。休日には送りません。",
                "At about 8 in the morning in Japan, only if something waits, and on working days.",
            ),
        ),
    ]


class PreferencesSaved(Result):
    """Whose preferences were saved."""

    person_id: UUID


@handles(Permission.PREFERENCES_SAVE, Event.PREFERENCES_SAVED)
def save_preferences(ctx: CommandContext, command: SavePreferences) -> PreferencesSaved:
    """Save one's own preferences; the same ones again change nothing. Raises NotAllowed for who is no person."""
    person_id = person_of(ctx.actor)
    wanted = PreferencesFacts(**dict(command))
    present = saved_preferences(ctx.session, ctx.actor.tenant_id, person_id)
    if present == wanted:
        ctx.mark_noop()
        return PreferencesSaved(person_id=person_id)
    chosen = command.model_dump(mode="json")
    changed = {**chosen, "saved_at": ctx.now}
    if present is None or present.digest_mail is not wanted.digest_mail:
        # Mails begin with the next morning, not with those that are past.
        changed["digest_since"] = ctx.now
    # Two tabs at once: the later one counts, and neither fails.
    ctx.session.execute(
        insert(PersonPreferences)
        .values(id=new_id(), tenant_id=ctx.actor.tenant_id, person_id=person_id, **{"digest_since": ctx.now, **changed})
        .on_conflict_do_update(index_elements=["tenant_id", "person_id"], set_=changed)
    )
    ctx.audit(subject=person_id, **chosen)
    return PreferencesSaved(person_id=person_id)


def person_of(actor: Actor) -> UUID:
    """The id of the person who acts. Raises NotAllowed for a system, and for the command line of the machine."""
    if actor.kind is not ActorKind.PERSON:
        raise NotAllowed(OF_PEOPLE)
    return UUID(actor.id)
