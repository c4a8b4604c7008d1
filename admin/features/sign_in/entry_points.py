"""Entry points of the commands about a person's own sessions: API route, command line and form of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import g, url_for
from sqlalchemy.orm import Session

from admin.core.guard import current_actor, current_sid
from admin.core.language import gettext
from admin.core.rate_limits import source_address
from admin.identity.own_sessions import PersonSession, session_owner, sessions_of_person
from admin.identity.session_ends import EndOwnSessions, end_own_sessions, end_session
from admin.identity.sign_in_limits import set_sign_in_limits, sign_in_limits
from admin.identity.sign_in_networks import LimitSignInNetworks, limit_sign_in_networks, sign_in_networks
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress, api, cli
from admin.interface.formats import plain_time
from admin.interface.pages import keycloak
from admin.interface.tenant_pages import about_tenant, to_people
from governance.kernel.errors import DependencyUnavailable, Language, require_found
from governance.kernel.labels import Label
from tenancy.clients.networks import admits, read_networks
from tenancy.keycloak.port import FactorFacts

_PAGE: Final = Label("ログインの管理", "Your sign-in")


def sessions_shown() -> tuple[tuple[PersonSession, ...], bool]:
    """The sessions of whoever asks, and whether Keycloak's are among them: without it, those known here.

    Read once a request.
    """
    if "sessions_shown" not in g:
        g.sessions_shown = _read_sessions()
    found: tuple[tuple[PersonSession, ...], bool] = g.sessions_shown
    return found


def _read_sessions() -> tuple[tuple[PersonSession, ...], bool]:
    owner = session_owner(current_actor())
    if owner is None:
        return (), True
    try:
        at_keycloak = keycloak().find_sessions(owner.realm, owner.keycloak_id)
    except DependencyUnavailable:
        return sessions_of_person(owner, None, current_sid()), False
    return sessions_of_person(owner, at_keycloak, current_sid()), True


def own_factors() -> tuple[FactorFacts, ...] | None:
    """The second factors of whoever asks; None where Keycloak does not answer."""
    owner = session_owner(current_actor())
    if owner is None:
        return ()
    try:
        return keycloak().find_second_factors(owner.realm, owner.keycloak_id)
    except DependencyUnavailable:
        return None


def session_text(found: PersonSession, language: Language) -> str:
    """A session in one line: what it is used with, from where, and when last."""
    last = found.last_seen_at or found.opened_at
    parts = [found.kind.label(language), found.address, None if last is None else plain_time(last)]
    here = [gettext("this one")] if found.is_current else []
    return gettext(", ").join([*here, *(part for part in parts if part)])


def _own_sessions(session: Session, given: Mapping[str, Any], language: Language) -> list[tuple[str, str]]:
    return [(str(one.id), session_text(one, language)) for one in sessions_shown()[0]]


def _this_one(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    return {"kept": next((one.id for one in sessions_shown()[0] if one.is_current), None)}


def _about_session(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """Which session it is. Raises NotFound for one that is over or somebody else's."""
    one = next((one for one in sessions_shown()[0] if one.id == given["session_id"]), None)
    found = require_found(one, what=Label("セッション", "session"), given=given["session_id"])
    warnings = [gettext("It is the session of this browser: you are logged out.")] if found.is_current else []
    return FormContext([Fact(gettext("Session"), session_text(found, language))], warnings)


def _present_limits(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    found = sign_in_limits(session)
    return {name: getattr(found, name) for name in ("idle_minutes", "longest_hours", "step_up_minutes")}


def _own_address(session: Session, given: Mapping[str, Any], language: Language) -> FormContext:
    """The tenant, and the address from which whoever fills in the form asks. Raises NotFound."""
    facts = about_tenant(session, given, language).facts
    return FormContext([*facts, Fact(gettext("Your address now"), str(source_address() or "―"))])


def _present_networks(session: Session, given: Mapping[str, Any]) -> Mapping[str, object]:
    return {"networks": "\n".join(sign_in_networks(session, given["tenant_id"]).networks)}


def _who_stays_in(session: Session, command: LimitSignInNetworks, language: Language) -> FormContext:
    """Whether whoever saves the list could sign in afterwards."""
    networks = read_networks(command.networks or "")
    is_in = admits(networks, source_address())
    shown = gettext("Yes") if is_in else gettext("No")
    warnings = [] if is_in else [gettext("Nobody at your address could sign in to this tenant any more.")]
    return FormContext([Fact(gettext("Your address is among them"), shown)], warnings)


def _to_page(given: Mapping[str, Any]) -> tuple[Label, str]:
    return _PAGE, url_for("sign_in.sign_in")


def _done(command: EndOwnSessions, result: object) -> str:
    return url_for("sign_in.sign_in", done="ended")


ENTRY_POINTS: Final = (
    EntryPoint(
        end_session,
        Label("セッションを終わらせる", "End a session"),
        Label("終わらせる", "End it"),
        api=api("DELETE /sessions/<session>", session="session_id"),
        cli=cli("session end", "session_id"),
        page=PageAddress(
            "/preferences/sign-in/sessions/<uuid:session_id>/end",
            "session_ending",
            then=lambda command, result: url_for("sign_in.sign_in", done="ended"),
            back=_to_page,
            intro=Label(
                "そのブラウザーまたはコマンドラインは、次の操作から使えなくなります。",
                "That browser or command line is refused at its next request.",
            ),
            about=_about_session,
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        end_own_sessions,
        Label("セッションをまとめて終わらせる", "End your sessions"),
        Label("終わらせる", "End them"),
        api=api("POST /session-ends"),
        cli=cli("session end-all"),
        page=PageAddress(
            "/preferences/sign-in/end-sessions",
            "own_sessions_ending",
            then=_done,
            back=_to_page,
            intro=Label(
                "身に覚えのないログインがあるときや、共用の端末でログアウトし忘れたときに使います。"
                "心当たりがないときは、パスワードも変えてください。",
                "For a login that was not yours, or a shared computer on which you forgot to log out. "
                "If you do not know where it came from, change your password, too.",
            ),
            start=_this_one,
            choices={"kept": _own_sessions},
            is_reviewed=False,
            is_dangerous=True,
        ),
    ),
    EntryPoint(
        set_sign_in_limits,
        Label("ログインの時間制限", "Limits of logins"),
        Label("変える", "Change"),
        api=api("PUT /sign-in-limits"),
        cli=cli("session set-limits"),
        page=PageAddress(
            "/sign-in-limits",
            "sign_in_limits_setting",
            then=lambda command, result: url_for("sign_in.sign_in_limits_setting", done="set"),
            intro=Label(
                "すべての団体の、すべての人のログインについての設定です。短くすると、次の操作からすぐに効きます。"
                "長くするときは、別の人の承認が必要です。認証サービスには、システムの担当者がサーバーで設定を反映させると"
                "同じ値が入り、それまでは短いほうが効きます。",
                "For everybody's logins, in all tenants. A shorter limit holds from the next request on; a longer one "
                "waits for another person's approval. Run `moyai keycloak configure` on the server to give the "
                "identity server the same limits; until then the shorter ones hold.",
            ),
            done=Label("変えました。次の操作から効きます。", "Changed. It holds from the next request on."),
        ),
        record=_present_limits,
    ),
    EntryPoint(
        limit_sign_in_networks,
        Label("ログインできるネットワーク", "Networks to sign in from"),
        Label("変える", "Change"),
        api=api("PUT /tenants/<tenant>/sign-in-networks", tenant="tenant_id"),
        cli=cli("session limit-networks", "tenant_id"),
        page=PageAddress(
            "/tenants/<uuid:tenant_id>/sign-in-networks",
            "sign_in_networks_limiting",
            then=lambda command, result: url_for(
                "sign_in.sign_in_networks_limiting", tenant_id=command.tenant_id, done="limited"
            ),
            back=to_people,
            intro=Label(
                "この団体の人が画面とAPIにログインできるネットワークです。空欄なら、どこからでもログインできます。"
                "変えると、ログイン中の人にも次の操作から効きます。確認画面で、あなたのアドレスが含まれるかを確かめられます。",
                "From where people of this tenant sign in to pages and API; from anywhere if empty. It holds from the "
                "next request on, also for who is signed in. The page to confirm says whether your own address "
                "is among them.",
            ),
            done=Label("変えました。次の操作から効きます。", "Changed. It holds from the next request on."),
            about=_own_address,
            consequences=_who_stays_in,
            start=_present_networks,
            is_dangerous=True,
        ),
        before=_present_networks,
    ),
)
