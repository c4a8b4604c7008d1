"""Entry point of a person's preferences: API route, command line and form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import has_request_context, url_for
from sqlalchemy.orm import Session

from admin.core.guard import is_api
from admin.core.language import current_language
from admin.interface.entry_points import EntryPoint, PageAddress, api, cli
from admin.interface.own_tasks import asking_actor
from governance.actors import ActorKind
from governance.kernel.labels import Label
from tenancy.preferences.commands import SavePreferences, person_of, save_preferences
from tenancy.preferences.models import PreferencesFacts
from tenancy.preferences.queries import saved_preferences
from tenancy.preferences.states import ScreenLanguage


def own_preferences(session: Session) -> PreferencesFacts:
    """What whoever asks has saved, else what is usual; a page that nothing was saved for keeps its language."""
    actor = asking_actor()
    saved = None
    if actor.kind is ActorKind.PERSON:
        saved = saved_preferences(session, actor.tenant_id, person_of(actor))
    if saved is not None:
        return saved
    is_page = has_request_context() and not is_api()
    return PreferencesFacts(language=ScreenLanguage(current_language())) if is_page else PreferencesFacts()


def _present(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    return dict(own_preferences(session))


def _done(command: SavePreferences, result: object) -> str:
    return url_for("preferences.preferences", done="saved")


ENTRY_POINTS: Final = (
    EntryPoint(
        save_preferences,
        Label("設定", "Preferences"),
        Label("保存する", "Save"),
        api=api("PUT /preferences"),
        cli=cli("preferences save"),
        page=PageAddress(
            "/preferences",
            "preferences",
            then=_done,
            intro=Label(
                "あなたの画面と、あなたに届くメールについての設定です。ほかの人の画面は変わりません。",
                "For your own pages and mails. Nobody else's pages change.",
            ),
            done=Label("保存しました。", "Saved."),
            is_reviewed=False,
        ),
        record=_present,
    ),
)
