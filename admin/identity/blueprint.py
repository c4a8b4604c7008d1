"""The addresses of sign-in and sign-out, and the identification functions that the guard calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from flask import Blueprint, Flask, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.csrf import csrf_exempt, new_secret
from admin.core.guard import Identification, actor_or_none, current_actor, is_scim, requires
from admin.core.language import current_language
from admin.core.rate_limits import RateLimit, count_failure, limited, refuse_used_up
from admin.core.request_checks import local_path
from admin.identity import bearer, oidc_login, scim_tokens
from admin.identity.cipher import TextCipher
from admin.identity.commands import CloseSession, OpenSession, SessionEndReason, close_session, open_session
from admin.identity.kept_keys import DatabaseKeyStore
from admin.identity.login_changes import ACTIONS, REMOVE_ACTION, LoginChange, RecordLoginChange, record_login_change
from admin.identity.memberships import memberships_of
from admin.identity.oidc_login import OidcLogin
from admin.identity.persons import person_actor
from admin.identity.realms import realm_endpoints
from admin.identity.remembered import COOKIE as REMEMBERED
from admin.identity.remembered import remember, remembered_tenant
from admin.identity.saved_login import DeviceEndpoints
from admin.identity.sessions import COOKIE, find_ended_session, find_session, new_cookie, sessions_at_keycloak
from admin.identity.sign_in_limits import sign_in_limits
from admin.identity.token_sessions import PersonTokens, TokenRecord, end_token_sessions
from admin.identity.tokens import TokenRejected, TokenVerifier, claims_of_kept
from admin.operations.keys import backend_keys
from admin.operations.settings import Settings
from governance.actors import system_actor
from governance.kernel import clock
from governance.kernel.codes import LocalGovernmentCode
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import DomainError, Language, NotAllowed, NotFound, message, not_found
from governance.kernel.labels import Label
from governance.kernel.yen import printable
from governance.permissions import Permission
from tenancy.keycloak.port import (
    COMMAND_LINE_CLIENT,
    FIRST_SIGN_IN,
    IDENTITY_PROVIDER_CLAIM,
    Realm,
    identity_provider_alias,
    organization_alias,
)
from tenancy.people.identity_providers.queries import lets_people_in
from tenancy.people.queries import member
from tenancy.tenants.facts import find_by_code, find_by_id, find_by_name, tenant_by_id
from tenancy.tenants.facts import operator_id as find_operator
from tenancy.tenants.models import TenantFacts
from tenancy.tenants.municipality_directory import Municipality, code_typed, municipalities, name_of, search
from tenancy.tenants.states import STATE_EFFECTS

log = structlog.get_logger(__name__)

identity = Blueprint("identity", __name__, template_folder="templates")

NO_SIGN_IN = message(
    "sign_in.unknown_code",
    ja="{given}の方は、いまログインできません。",
    en="{given}: you cannot log in right now.",
    hint_ja="団体が違うときは、選び直してください。合っているときは、所属する団体の団体管理者または県の担当者にお問い合わせください。",
    hint_en="If this is not your organization, choose again. If it is, ask one of its owners or the prefecture.",
)
"""One answer for every reason: not registered, not admitted yet, suspended, left."""
NO_MATCH = message(
    "sign_in.not_found",
    ja="「{given}」に当てはまる団体が見つかりません。",
    en="No organization matches “{given}”.",
    hint_ja="市町村名、フリガナ、または 6 桁の団体コードを入力してください。例: 山鹿市、ヤマガ、432083",
    hint_en="Enter the name or its kana in Japanese, or the six-digit code, such as 432083.",
)
YOUR_ORGANIZATION = Label("この団体", "This organization")
OF_CODE = Label("団体コード {code} の団体", "The organization with the code {code}")
NO_OPERATOR = message("sign_in.no_operator", ja="運営者がまだ登録されていません。", en="No operator is registered yet.")
ENDED: Final = {
    "idle": Label(
        "{minutes}分操作がなかったため、ログアウトしました。もう一度ログインすると、続きから始められます。",
        "You were logged out because nothing was done for {minutes} minutes. Log in again to go on where you were.",
    ),
    "idle-kept": Label(
        "{minutes}分操作がなかったため、ログアウトしました。入力した内容は保存してあります。もう一度ログインしてください。",
        "You were logged out because nothing was done for {minutes} minutes. "
        "What you had entered is kept: log in again.",
    ),
    "ended": Label(
        "ログアウトされています。もう一度ログインしてください。利用が停止されたときは、ログインできません。",
        "You are logged out. Log in again. Where your access was suspended, you cannot.",
    ),
    "ended-kept": Label(
        "ログインの有効時間が過ぎたため、ログアウトしました。入力した内容は保存してあります。もう一度ログインしてください。",
        "You were logged out because your login had lasted long enough. What you had entered is kept: log in again.",
    ),
}
"""Why somebody is asked to log in again, by the word in the address."""
_MAX_WORDS: Final = 60
_MAX_OFFERED: Final = 200
"""A page lists no more of them to choose from; the search finds all."""
WITH_PASSWORD: Final = "password"  # noqa: S105 - a parameter of an address, no secret
"""In the address of a sign-in: the person has a password at Moyai and does not go to the tenant's identity provider."""
PASSKEY_ACTION: Final = "webauthn-register"
"""Keycloak's name for adding a passkey (WebAuthn), as `kc_action`."""

NO_ROLE = message(
    "sign_in.no_role",
    ja="有効な役割が付与されていません。",
    en="None of your roles is in force.",
    hint_ja="団体管理者または運営者に役割の付与を依頼してください。",
    hint_en="Ask an owner of your tenant or the operator for a role.",
)
NO_SECOND_FACTOR = message(
    "sign_in.no_second_factor",
    ja="二要素認証を確認できませんでした。",
    en="No second factor was asked for at this login.",
    hint_ja="二要素認証を設定してから、もう一度行ってください。分からないときは、県の担当者にお問い合わせください。",
    hint_en="Set up a second factor and try again. If you are not sure, ask the prefecture.",
)
LOGOUT_TOKEN = message(
    "sign_in.logout_token", ja="ログアウトトークンを確認できません。", en="The logout token is not valid."
)


@dataclass(frozen=True, slots=True)
class IdentityServices:
    """The identity services of one application."""

    cipher: TextCipher
    token_verifier: TokenVerifier
    person_tokens: PersonTokens
    oidc_login: OidcLogin


def register_identity(app: Flask, settings: Settings, token_record: Callable[[], TokenRecord]) -> None:
    """Register the addresses and store the identity services in the application.

    `token_record` gives what Keycloak is asked by, when a token is first to be asked about.
    """
    realms = realm_endpoints(settings.keycloak_url)
    token_verifier = TokenVerifier(realms, DatabaseKeyStore(settings.session_secret))
    key = backend_keys(settings).console
    person_tokens = PersonTokens(token_record)
    app.extensions["moyai.identity"] = IdentityServices(
        TextCipher(settings.session_secret),
        token_verifier,
        person_tokens,
        OidcLogin(realms, token_verifier, person_tokens, key, settings.public_url),
    )
    app.register_blueprint(identity)


def identify_person() -> Identification:
    """The person behind the session cookie of this request; their session is then `g.web_session`."""
    cookie = request.cookies.get(COOKIE)
    session = None if not cookie else find_session(cookie)
    g.web_session = session
    if session is not None:
        return Identification(session.actor, preferences=session.preferences, sid=session.sid)
    return Identification(None, ended=_why_ended(cookie) if cookie else "")


def identify_bearer() -> Identification:
    """The actor of this request's bearer token, or of a directory's where SCIM is asked; cookies are ignored."""
    g.web_session = None
    if is_scim():
        tenant = str((request.view_args or {}).get("tenant", ""))
        return scim_tokens.identify_directory(tenant, request.headers.get("Authorization"))
    services = _services()
    return bearer.identify_bearer(services.token_verifier, request.headers.get("Authorization"), services.person_tokens)


def has_keys(app: Flask) -> bool:
    """Whether the JWKS cache holds keys of both realms, so that tokens verify while Keycloak is unreachable."""
    services: IdentityServices = app.extensions["moyai.identity"]
    return all(cache.has_keys for cache in services.token_verifier.jwks_caches.values())


# ---- signing in -----------------------------------------------------------------------------------------------------


@identity.get("/login")
@requires(Permission.PUBLIC)
def realm_chooser() -> AnyResponse | str | tuple[str, int]:
    """The choice of one's organization, by `?q=` (a name, kana or code; `code` in earlier versions).

    One that is found alone leads on to its sign-in, several are offered, none is a 404 with what to enter.
    """
    words = (request.args.get("q") or request.args.get("code") or "").strip()[:_MAX_WORDS]
    if not words:
        return _render_chooser()
    try:
        code = code_typed(words)
        if code is not None:
            return _to_sign_in(LocalGovernmentCode.parse(code).digits)
        found = search(_offered(), words)
        if len(found) == 1:
            return _to_sign_in(found[0].code)
        if not found:
            with tenant_scope(OPERATOR):
                tenant = find_by_name(db.session(), words)
            if tenant is None:
                raise NotFound(NO_MATCH, field="q", given=printable(words))
            # A body without a code, a union for instance, is known to whoever writes its whole name.
            return redirect(
                url_for("identity.begin_first", tenant_id=tenant.id, next=local_path(request.args.get("next"))), 303
            )
    except DomainError as refusal:
        return _render_chooser(refusal, words=words), 404
    return _render_chooser(words=words, found=found)


@identity.get("/login/operator")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.PUBLIC)
def begin_operator() -> AnyResponse:
    """Redirect to the operators' realm."""
    with tenant_scope(OPERATOR):
        tenant_id = find_operator(db.session())
    if tenant_id is None:
        raise NotFound(NO_OPERATOR)
    return _redirect_to_keycloak(Realm.OPERATORS, tenant_id)


@identity.get("/login/<code>")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.PUBLIC)
def begin_municipality(code: str) -> AnyResponse | tuple[str, int]:
    """Redirect to the municipalities' realm for this tenant; for the operator's own code to the operators' realm.

    A code under which nobody signs in now, for whatever reason, gets one answer: 404.
    """
    try:
        found = _tenant_of_code(code)
    except DomainError as refusal:
        return _render_chooser(refusal, words=code[:_MAX_WORDS]), 404
    return _redirect_to_keycloak(Realm.OPERATORS if found.is_operator else Realm.TENANTS, found.id)


@identity.get(f"{FIRST_SIGN_IN}<uuid:tenant_id>")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.PUBLIC)
def begin_first(tenant_id: UUID) -> AnyResponse | tuple[str, int]:
    """The sign-in of the tenant with this id: where the mailed link to a password ends."""
    with tenant_scope(OPERATOR):
        found = find_by_id(db.session(), tenant_id)
    if found is None or not STATE_EFFECTS[found.state].people_sign_in:
        return _render_chooser(NotFound(NO_SIGN_IN, given=YOUR_ORGANIZATION.text(current_language()))), 404
    return _redirect_to_keycloak(Realm.OPERATORS if found.is_operator else Realm.TENANTS, found.id)


@identity.get("/login/switch/<uuid:tenant_id>")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.SIGNED_IN)
def switch(tenant_id: UUID) -> AnyResponse:
    """Go on to another tenant of one's own, by Keycloak's session; this one ends. Raises NotFound for any other."""
    if tenant_id not in {one.tenant_id for one in memberships_of(current_actor())}:
        raise not_found(what=Label("団体", "tenant"), given=tenant_id)
    return _redirect_to_keycloak(Realm.TENANTS, tenant_id, by_session=True)


@identity.get("/login/operator/device")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.PUBLIC)
def device_operator() -> Response:
    """Where a command line signs an operator in (RFC 8628)."""
    return _device_endpoints(Realm.OPERATORS, "openid")


@identity.get("/login/<code>/device")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.PUBLIC)
def device_municipality(code: str) -> Response:
    """Where a command line signs a person of this tenant in; with the operator's own code, one of the operator."""
    found = _tenant_of_code(code)
    if found.is_operator:
        return device_operator()
    return _device_endpoints(Realm.TENANTS, f"openid organization:{organization_alias(found.id)}")


@identity.get("/login/passkey")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.SIGNED_IN)
def add_passkey() -> AnyResponse:
    """Redirect to Keycloak to add a passkey, which is then as good as the code of an app."""
    return change_login(LoginChange.PASSKEY)


@identity.get("/login/change/<change>")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.SIGNED_IN)
def change_login(change: str) -> AnyResponse:
    """Redirect to Keycloak to change the password, or to set up a second factor. Raises NotFound for another word."""
    action = {str(one): name for one, name in ACTIONS.items()}.get(change)
    if action is None:
        raise not_found(what=Label("ログインの設定", "change of the login"), given=change)
    return _redirect_from_session(action=action)


@identity.get("/login/change/removal/<uuid:factor_id>")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.SIGNED_IN)
def remove_factor(factor_id: UUID) -> AnyResponse:
    """Redirect to Keycloak to remove a second factor of one's own; one of somebody else's is none there."""
    return _redirect_from_session(action=f"{REMOVE_ACTION}{factor_id}")


@identity.get("/login/step-up")
@limited(RateLimit.SIGN_IN_START)
@requires(Permission.SIGNED_IN)
def step_up() -> AnyResponse:
    """Redirect to Keycloak to sign in with a second factor now, for what needs a fresh one."""
    session = g.web_session
    person = member(db.session(), session.tenant_id, UUID(session.actor.id), clock.now())
    return _redirect_from_session(step_up_of=person.email)


@identity.get("/login/callback")
@requires(Permission.PUBLIC)
def callback() -> AnyResponse:
    """The redirect URI: verify the tokens, open a session, redirect to the address first asked for."""
    services = _services()
    login_state = oidc_login.decrypt_login_state(services.cipher, request.cookies.get(oidc_login.COOKIE))
    failing = [login_state.state]
    try:
        refuse_used_up(RateLimit.REFUSED_SIGN_INS, login_state.state)
        authenticated = services.oidc_login.finish(login_state, request.args.to_dict())
        failing.append(authenticated.person.sub)
        person, actor = authenticated.person, person_actor(authenticated.person)
        if not actor.roles:
            raise NotAllowed(NO_ROLE)
        if login_state.is_step_up and authenticated.second_factor_at is None:
            raise NotAllowed(NO_SECOND_FACTOR)
        _close_current_session(SessionEndReason.SIGNED_IN_ANEW)
        cookie, secret_hash = new_cookie(person.tenant_id)
        open_session(
            OpenSession(
                realm=person.realm,
                sid=authenticated.sid,
                sub=authenticated.sub,
                person_id=UUID(actor.id),
                roles=person.roles,
                secret_hash=secret_hash,
                csrf_secret=new_secret(),
                id_token_encrypted=services.cipher.encrypt(authenticated.id_token),
                second_factor_at=authenticated.second_factor_at,
            ),
            actor=actor,
        )
        if (change := _login_change(login_state.action)) is not None:
            record_login_change(RecordLoginChange(change=change), actor=actor)
    except DomainError as refused:
        log.warning(
            "sign_in.refused", code=refused.code, realm=login_state.realm.value, tenant=str(login_state.tenant_id)
        )
        if isinstance(refused, NotAllowed):
            for key in failing:
                count_failure(RateLimit.REFUSED_SIGN_INS, key)
        raise
    log.info("sign_in.done", realm=person.realm.value, tenant=str(person.tenant_id), actor=actor.id)
    answer = redirect(f"{_public_url()}{login_state.back_to}", 303)
    answer.set_cookie(COOKIE, cookie, secure=True, httponly=True, samesite="Lax", path="/")
    _delete_cookie(answer, oidc_login.COOKIE)
    remember(answer, services.cipher, person.tenant_id)
    return answer


def _login_change(action: str) -> LoginChange | None:
    """What the person has just changed at Keycloak; None where nothing was to be, or the person stopped half-way."""
    if request.args.get("kc_action_status") != "success":
        return None
    if action.startswith(REMOVE_ACTION):
        return LoginChange.REMOVAL
    return {name: change for change, name in ACTIONS.items()}.get(action)


# ---- signing out ----------------------------------------------------------------------------------------------------


@identity.post("/logout")
@requires(Permission.SIGNED_IN)
def sign_out() -> AnyResponse:
    """End the session here and at Keycloak."""
    session = g.web_session
    _close_current_session(SessionEndReason.SIGNED_OUT)
    id_token = _services().cipher.decrypt(session.id_token_encrypted)
    address = (
        f"{_public_url()}/" if id_token is None else _services().oidc_login.sign_out_address(session.realm, id_token)
    )
    answer = redirect(address, 303)
    _delete_cookie(answer, COOKIE)
    return answer


@identity.post("/backchannel-logout")
@csrf_exempt("Keycloak posts here by itself; what it says is signed")
@requires(Permission.PUBLIC)
def backchannel_logout() -> Response:
    """OpenID Connect Back-Channel Logout 1.0: close the sessions of this `sid` or `sub`. 200 also without any."""
    try:
        token = _services().token_verifier.verify_logout_token(request.form.get("logout_token", ""))
    except TokenRejected as refused:
        log.warning("logout_token.refused", reason=str(refused))
        raise LogoutTokenRejected(LOGOUT_TOKEN) from refused
    sid, sub = token.claims.get("sid"), token.claims.get("sub")
    end_token_sessions(token.realm, sid, sub)
    with tenant_scope(OPERATOR):
        ended = sessions_at_keycloak(db.session(), token.realm, sid, sub)
        operator_id = find_operator(db.session()) if ended else None
    if operator_id is None:
        return Response(status=200)
    for session_id in ended:
        try:
            close_session(
                CloseSession(session_id=session_id, reason=SessionEndReason.ENDED_AT_KEYCLOAK),
                actor=system_actor("identity", operator_id),
            )
        except NotFound:
            continue  # The person signed out here at the same moment.
    return Response(status=200)


class LogoutTokenRejected(DomainError):
    """A logout token that did not verify."""


# ---- below ----------------------------------------------------------------------------------------------------------


def _why_ended(cookie: str) -> str:
    """The word of `ENDED` for a cookie without a session in force."""
    ended = find_ended_session(cookie)
    return "idle" if ended is not None and ended.is_idle else "ended"


def _tenant_of_code(code: str) -> TenantFacts:
    """The tenant of this code whose people may sign in now. Raises Invalid for no code, NotFound for any other."""
    parsed = LocalGovernmentCode.parse(code[:_MAX_WORDS])
    with tenant_scope(OPERATOR):
        found = find_by_code(db.session(), parsed.digits)
    if found is None or not STATE_EFFECTS[found.state].people_sign_in:
        language = current_language()
        named = name_of(_offered(), parsed) or OF_CODE.text(language).format(code=parsed)
        raise NotFound(NO_SIGN_IN, field="code", given=named)
    return found


def _offered() -> tuple[Municipality, ...]:
    """The municipalities to choose from; none before an operator is registered."""
    with tenant_scope(OPERATOR):
        operator_tenant_id = find_operator(db.session())
        if operator_tenant_id is None:
            return ()
        return municipalities(db.session(), tenant_by_id(db.session(), operator_tenant_id))


def _to_sign_in(code: str) -> AnyResponse:
    return redirect(url_for("identity.begin_municipality", code=code, next=local_path(request.args.get("next"))), 303)


def _redirect_from_session(*, action: str | None = None, step_up_of: str | None = None) -> AnyResponse:
    """Where who is signed in signs in anew, in the same way: by the tenant's identity provider or by the password."""
    session = g.web_session
    id_token = _services().cipher.decrypt(session.id_token_encrypted)
    by_password = id_token is None or IDENTITY_PROVIDER_CLAIM not in claims_of_kept(id_token)
    return _redirect_to_keycloak(
        session.realm, session.tenant_id, action=action, step_up_of=step_up_of, by_password=by_password
    )


def _redirect_to_keycloak(
    realm: Realm,
    tenant_id: UUID,
    *,
    action: str | None = None,
    by_session: bool = False,
    by_password: bool = False,
    step_up_of: str | None = None,
) -> AnyResponse:
    """Where the sign-in begins. A municipality's asks for the password, unless a session of ours goes on elsewhere."""
    # A dead address would be the browser's own error page; ours says what is up and when to come back.
    _services().oidc_login.require_reachable(realm)
    login_state, address = _services().oidc_login.begin(
        realm,
        tenant_id,
        local_path(request.args.get("next")) or "/",
        language=current_language(),
        anew="again" in request.args or (realm is Realm.TENANTS and not by_session),
        action=action,
        identity_provider=None if by_password else _identity_provider(realm, tenant_id),
        step_up_of=step_up_of,
    )
    answer = redirect(address, 303)
    answer.set_cookie(
        oidc_login.COOKIE,
        login_state.encrypted(_services().cipher),
        max_age=oidc_login.SECONDS,
        secure=True,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def _identity_provider(realm: Realm, tenant_id: UUID) -> str | None:
    """The alias of the tenant's own identity provider, where it lets people in and no password was asked for."""
    if realm is not Realm.TENANTS or WITH_PASSWORD in request.args or not _has_identity_provider(tenant_id):
        return None
    return identity_provider_alias(tenant_id)


def _has_identity_provider(tenant_id: UUID) -> bool:
    with tenant_scope(tenant_id):
        return lets_people_in(db.session(), tenant_id)


def _device_endpoints(realm: Realm, scope: str) -> Response:
    settings: Settings = current_app.config["MOYAI"]
    address = realm_endpoints(settings.keycloak_url)[realm]
    endpoints = DeviceEndpoints(
        issuer=address.issuer,
        client_id=COMMAND_LINE_CLIENT,
        scope=scope,
        device_authorization_endpoint=address.device_authorization,
        token_endpoint=address.token,
        end_session_endpoint=address.end_session,
    )
    return Response(endpoints.model_dump_json(), content_type="application/json")


def _close_current_session(reason: SessionEndReason) -> None:
    actor, session = actor_or_none(), g.get("web_session")
    if actor is None or session is None:
        return
    try:
        close_session(CloseSession(session_id=session.id, reason=reason), actor=actor)
    except NotFound:
        log.info("session.not_found")


def _render_chooser(refusal: DomainError | None = None, *, words: str = "", found: Sequence[Municipality] = ()) -> str:
    language = current_language()
    remembered = None
    if not refusal and not words and "other" not in request.args:
        remembered = remembered_tenant(_services().cipher, request.cookies.get(REMEMBERED))
    offered = _offered()
    return render_template(
        "identity/choose.html",
        back_to=local_path(request.args.get("next")),
        words=words,
        found=found,
        offered=offered if len(offered) <= _MAX_OFFERED else (),
        remembered=remembered,
        offers_password=remembered is not None and _has_identity_provider(remembered.id),
        ended=_ended_text(request.args.get("ended", ""), language),
        problem=None if refusal is None else refusal.text(language),
        hint=None if refusal is None else refusal.hint(language),
    )


def _ended_text(word: str, language: Language) -> str:
    """Why somebody is asked to log in again; empty for nothing that is known."""
    if word not in ENDED:
        return ""
    with tenant_scope(OPERATOR):
        limits = sign_in_limits(db.session())
    return ENDED[word].text(language).format(minutes=limits.idle_minutes)


def _delete_cookie(answer: AnyResponse, name: str) -> None:
    answer.delete_cookie(name, secure=True, httponly=True, samesite="Lax", path="/")


def _services() -> IdentityServices:
    services: IdentityServices = current_app.extensions["moyai.identity"]
    return services


def _public_url() -> str:
    settings: Settings = current_app.config["MOYAI"]
    return settings.public_url
