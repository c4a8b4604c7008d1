"""ヘルプ: the words of the glossary, what each place of the menu is for, and the keys with their switch."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.features.help.words import PLACES, SECTIONS, PlaceHelp
from admin.interface.keys import save_keys_choice
from admin.interface.menu import Place
from admin.interface.navigation import menu_of
from admin.interface.pages import render_page
from governance.permissions import Permission

pages = Blueprint("help", __name__, template_folder="templates")


@pages.get("/help")
@requires(Permission.SIGNED_IN)
def help_page() -> tuple[str, int]:
    """What the places are for that this person may open, every word, and the keys."""
    menu = menu_of(current_app, is_operator=current_actor().is_operator)
    groups = [(group.label, _known(group.places)) for group in menu.groups]
    return render_page(
        "help/help",
        groups=[(label, places) for label, places in groups if places],
        foot=_known(menu.foot),
        tenant_id=current_actor().tenant_id,
        sections=SECTIONS,
        words={word.anchor: word for _, words in SECTIONS for word in words},
    )


@pages.post("/help/keys")
@requires(Permission.SIGNED_IN)
def keys_switching() -> AnyResponse:
    """Keys on or off in this browser. Nothing is stored here, so it is no command: a cookie keeps the choice."""
    response = redirect(url_for("help.help_page", _anchor="keys"), 303)
    save_keys_choice(response, on=request.form.get("keys") == "on")
    return response


def _known(places: tuple[Place, ...]) -> list[tuple[Place, PlaceHelp]]:
    """Each of these places that this person may open, with its help."""
    return [(place, PLACES[place.address]) for place in places if may(place.permission) and place.address in PLACES]
