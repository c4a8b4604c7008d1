"""Entry points of a person's preferences, columns and filters: API route, command line and form of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import has_request_context, url_for
from sqlalchemy.orm import Session

from admin.core.guard import is_api
from admin.core.language import current_language, gettext
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.list_filters import name_of_list
from admin.interface.own_tasks import asking_actor
from governance.actors import ActorKind
from governance.kernel.errors import Language
from governance.kernel.labels import Label
from tenancy.preferences.columns import save_columns
from tenancy.preferences.commands import SavePreferences, person_of, save_preferences
from tenancy.preferences.filters import SavedFilterFacts, delete_filter, rename_filter, save_filter, saved_filter
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


def _beside_preferences(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    return FormContext(
        actions=[
            (gettext("Columns of lists"), url_for("preferences.columns")),
            (gettext("My filters"), url_for("preferences.filters")),
        ]
    )


def _done(command: SavePreferences, result: object) -> str:
    return url_for("preferences.preferences", done="saved")


def _to_filters(given: Mapping[str, Any]) -> tuple[Label, str]:
    return Label("自分の絞り込み", "My filters"), url_for("preferences.filters")


def _own_filter(session: Session, given: Mapping[str, Any]) -> SavedFilterFacts:
    """The filter of whoever asks. Raises NotFound, also for another person's."""
    actor = asking_actor()
    return saved_filter(session, actor.tenant_id, person_of(actor), given["filter_id"])


def _present_name(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    return {"name": _own_filter(session, given).name}


def _about_filter(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """What the filter is called, and of which list it is. Raises NotFound."""
    found = _own_filter(session, given)
    return FormContext([Fact(gettext("Name"), found.name), Fact(gettext("List"), name_of_list(found.address))])


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
            about=_beside_preferences,
            is_reviewed=False,
        ),
        record=_present,
    ),
    # Its form stands above each list and offers what that list has.
    EntryPoint(
        save_columns,
        Label("一覧に表示する列を選ぶ", "Choose the columns of a list"),
        Label("この列を表示する", "Show these columns"),
        api=api("PUT /preferences/columns/<list>", list="list_name"),
        cli=cli("preferences save-columns", "list_name"),
    ),
    EntryPoint(
        save_filter,
        Label("絞り込みに名前を付けて残す", "Keep a filter under a name"),
        Label("残す", "Keep it"),
        api=api("POST /saved-filters"),
        cli=cli("filter save", "address"),
        page=PageAddress(
            "/preferences/filters/new",
            "filter_saving",
            then=lambda command, result: command.address,
            back=_to_filters,
            intro=Label("あなたの一覧にだけ表示されます。", "It is shown on your own lists only."),
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        rename_filter,
        Label("自分の絞り込みの名前を変える", "Rename a filter"),
        Label("名前を変える", "Rename"),
        api=api("PUT /saved-filters/<filter>/name", filter="filter_id"),
        cli=cli("filter rename", "filter_id", "name"),
        page=PageAddress(
            "/preferences/filters/<uuid:filter_id>/name",
            "filter_renaming",
            then=lambda command, result: url_for("preferences.filters", done="renamed"),
            back=_to_filters,
            start=_present_name,
            is_reviewed=False,
        ),
    ),
    EntryPoint(
        delete_filter,
        Label("自分の絞り込みを削除する", "Delete a filter"),
        Label("削除する", "Delete"),
        api=api("DELETE /saved-filters/<filter>", filter="filter_id"),
        cli=cli("filter delete", "filter_id"),
        page=PageAddress(
            "/preferences/filters/<uuid:filter_id>/delete",
            "filter_deleting",
            then=lambda command, result: url_for("preferences.filters", done="deleted"),
            back=_to_filters,
            about=_about_filter,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
)
