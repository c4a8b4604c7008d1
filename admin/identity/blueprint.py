"""The addresses of signing in and out, and what the guard asks here at each request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import Blueprint, Flask, Response, current_app, g, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from admin.core.csrf import new_secret, without_csrf
from admin.core.guard import Identification, actor_or_none, asks, is_api
from admin.core.language import current_language
from admin.identity import bearer, signing_in
from admin.identity.commands import CloseSession, Ending, OpenSession, close_session, open_session
from admin.identity.realms import addresses
from admin.identity.roles import roles_that_count
from admin.identity.sealing import Seal
from admin.identity.sessions import COOKIE, find_session, new_cookie, sessions_at_keycloak
from admin.identity.signing_in import NOT_A_MEMBER, SigningIn, Vouched
from admin.identity.standing import operator_tenant, standing_of
from admin.identity.tokens import TokenReader, TokenRefused
from admin.operations.settings import Settings
from governance.actors import Actor, ActorKind, system_actor
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, scope
from governance.kernel.errors import NotAllowed, NotFound, Refused, reason
from governance.permissions import Permission
from tenancy.keycloak.keys import load_or_make_keys
from tenancy.keycloak.port import Realm
from tenancy.tenants.tables import Tenant

log = structlog.get_logger(__name__)

identity = Blueprint("identity", __name__, template_folder="templates")

UNKNOWN_CODE = reason(
    "sign_in.unknown_code",
    ja="団体コード「{given}」の参加団体は見つかりません。6 桁の団体コードを確かめてください。",
    en="No tenant has the code “{given}”. Check the six digits.",
)
NO_OPERATOR = reason("sign_in.no_operator", ja="運営者がまだ登録されていません。", en="No operator is registered yet.")
SUSPENDED = reason(
    "sign_in.closed",
    ja="この団体、またはあなたの利用は停止されているか、まだ始まっていません。",
    en="Your tenant, or your own use, is suspended or has not begun yet.",
    hint_ja="所属団体の団体管理者または運営者にお問い合わせください。",
    hint_en="Ask an owner of your tenant or the operator.",
)
NO_ROLE = reason(
    "sign_in.no_role",
    ja="有効な役割が付与されていません。",
    en="No role of yours is in force.",
    hint_ja="団体管理者または運営者に役割の付与を依頼してください。",
    hint_en="Ask an owner of your tenant or the operator for a role.",
)
LOGOUT_TOKEN = reason(
    "sign_in.logout_token", ja="ログアウトトークンを確認できません。", en="The logout token is not valid."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """What this room keeps for one application."""

    seal: Seal
    reader: TokenReader
    signing_in: SigningIn


def register_identity(app: Flask, settings: Settings) -> None:
    """Register the addresses and keep what they need."""
    realms = addresses(settings.keycloak_url)
    reader = TokenReader(realms)
    key = load_or_make_keys(settings.keys).console
    app.extensions["moyai.identity"] = Identity(
        Seal(settings.session_secret), reader, SigningIn(realms, reader, key, settings.public_url)
    )
    app.register_blueprint(identity)


def identify_person() -> Identification:
    """The person behind the session cookie of this request; their session is then `g.web_session`."""
    cookie = request.cookies.get(COOKIE)
    session = None if not cookie else find_session(cookie)
    g.web_session = session
    return Identification(None if session is None else session.actor)


def identify_bearer() -> Identification:
    """Whoever the bearer token of this request is of; cookies count for nothing there."""
    g.web_session = None
    return bearer.identify_bearer(_kept().reader, request.headers.get("Authorization"))


def has_keys(app: Flask) -> bool:
    """Whether keys of both realms are held, so that tokens can be verified while Keycloak is away."""
    kept: Identity = app.extensions["moyai.identity"]
    return all(ring.has_keys for ring in kept.reader.rings.values())


# ---- signing in -----------------------------------------------------------------------------------------------------


@identity.get("/login")
@asks(Permission.PUBLIC)
def choose() -> AnyResponse | str:
    """Operator or municipality; with `?code=` on to that municipality."""
    code = request.args.get("code", "").strip()
    if code:
        return redirect(
            url_for("identity.begin_municipality", code=code[:20], next=_local(request.args.get("next"))), 303
        )
    return _chooser()


@identity.get("/login/operator")
@asks(Permission.PUBLIC)
def begin_operator() -> AnyResponse:
    """On to the operators' realm."""
    with scope(OPERATOR):
        tenant_id = operator_tenant(db.session())
    if tenant_id is None:
        raise NotFound(NO_OPERATOR)
    return _leave(Realm.OPERATORS, tenant_id)


@identity.get("/login/<code>")
@asks(Permission.PUBLIC)
def begin_municipality(code: str) -> AnyResponse | tuple[str, int]:
    """On to the municipalities' realm, for this tenant alone; for the operator's own code to the operators' realm."""
    with scope(OPERATOR):
        found = db.session.execute(select(Tenant.id, Tenant.is_operator).where(Tenant.code == code)).one_or_none()
    if found is None:
        return _chooser(NotFound(UNKNOWN_CODE, field="code", given=code[:20])), 404
    return _leave(Realm.OPERATORS if found.is_operator else Realm.TENANTS, found.id)


@identity.get("/login/callback")
@asks(Permission.PUBLIC)
def come_back() -> AnyResponse:
    """Back from Keycloak: verify, open a new session, go where the person was heading."""
    kept = _kept()
    attempt = signing_in.opened(kept.seal, request.cookies.get(signing_in.COOKIE))
    try:
        vouched = kept.signing_in.finish(attempt, request.args.to_dict())
        actor = _actor_of(vouched)
        _end_present_session(Ending.SIGNED_IN_ANEW)
        cookie, secret_hash = new_cookie(vouched.tenant_id)
        open_session(
            OpenSession(
                realm=vouched.realm,
                sid=vouched.sid,
                sub=vouched.sub,
                person_id=vouched.person_id,
                roles=vouched.roles,
                secret_hash=secret_hash,
                csrf_secret=new_secret(),
                id_token_sealed=kept.seal.close(vouched.id_token),
            ),
            actor=actor,
        )
    except Refused as refused:
        log.warning("sign_in.refused", code=refused.code, realm=attempt.realm.value, tenant=str(attempt.tenant_id))
        raise
    log.info("sign_in.done", realm=vouched.realm.value, tenant=str(vouched.tenant_id), actor=actor.id)
    answer = redirect(f"{_public_url()}{attempt.back_to}", 303)
    answer.set_cookie(COOKIE, cookie, secure=True, httponly=True, samesite="Lax", path="/")
    _drop_cookie(answer, signing_in.COOKIE)
    return answer


# ---- signing out ----------------------------------------------------------------------------------------------------


@identity.post("/logout")
@asks(Permission.SIGNED_IN)
def sign_out() -> AnyResponse:
    """End the session here and at Keycloak."""
    session = g.web_session
    _end_present_session(Ending.SIGNED_OUT)
    id_token = _kept().seal.open(session.id_token_sealed)
    address = f"{_public_url()}/" if id_token is None else _kept().signing_in.sign_out_address(session.realm, id_token)
    answer = redirect(address, 303)
    _drop_cookie(answer, COOKIE)
    return answer


@identity.post("/backchannel-logout")
@without_csrf("Keycloak posts here by itself; what it says is signed")
@asks(Permission.PUBLIC)
def ended_at_keycloak() -> Response:
    """End every session of ours that came from the one that ended at Keycloak. 200 also when there is none."""
    try:
        token = _kept().reader.read_logout_token(request.form.get("logout_token", ""))
    except TokenRefused as refused:
        log.warning("logout_token.refused", word=str(refused))
        raise _Unsigned(LOGOUT_TOKEN) from refused
    with scope(OPERATOR):
        ended = sessions_at_keycloak(db.session(), token.realm, token.claims.get("sid"), token.claims.get("sub"))
        operator_id = operator_tenant(db.session()) if ended else None
    if operator_id is None:
        return Response(status=200)
    for session_id in ended:
        try:
            close_session(
                CloseSession(session_id=session_id, why=Ending.ENDED_AT_KEYCLOAK),
                actor=system_actor("identity", operator_id),
            )
        except NotFound:
            continue  # The person signed out here at the same moment.
    return Response(status=200)


class _Unsigned(Refused):
    """A logout token that nobody we trust has signed."""


# ---- below ----------------------------------------------------------------------------------------------------------


def _leave(realm: Realm, tenant_id: UUID) -> AnyResponse:
    attempt, address = _kept().signing_in.begin(
        realm,
        tenant_id,
        _local(request.args.get("next")) or "/",
        language=current_language(),
        anew="again" in request.args,
    )
    answer = redirect(address, 303)
    answer.set_cookie(
        signing_in.COOKIE,
        attempt.sealed(_kept().seal),
        max_age=signing_in.SECONDS,
        secure=True,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def _actor_of(vouched: Vouched) -> Actor:
    """The person as an actor: roles both in the token and granted. Raises NotAllowed for who may not come in."""
    with scope(vouched.tenant_id):
        standing = standing_of(db.session(), vouched.tenant_id, vouched.person_id, clock.now())
    if standing is None:
        raise NotAllowed(NOT_A_MEMBER)
    if not standing.may_sign_in(vouched.realm):
        raise NotAllowed(SUSPENDED)
    roles = roles_that_count(vouched.roles, standing.granted)
    if not roles:
        raise NotAllowed(NO_ROLE)
    return Actor(str(vouched.person_id), ActorKind.PERSON, vouched.tenant_id, roles)


def _end_present_session(why: Ending) -> None:
    actor, session = actor_or_none(), g.get("web_session")
    if actor is None or session is None:
        return
    try:
        close_session(CloseSession(session_id=session.id, why=why), actor=actor)
    except NotFound:
        log.info("session.gone_already")


def _chooser(refusal: Refused | None = None) -> str:
    return render_template(
        "identity/choose.html",
        back_to=_local(request.args.get("next")),
        code=request.view_args.get("code", "") if request.view_args else "",
        problem=None if refusal is None else refusal.message(current_language()),
    )


def _local(address: str | None) -> str | None:
    """The address when it is a path of our own; a foreign or odd one is as if it were not there."""
    if not address or not address.startswith("/") or address.startswith("//") or len(address) > 1_000:
        return None
    if any(letter in address for letter in "\\\r\n\t") or urlsplit(address).netloc or is_api():
        return None
    return address


def _drop_cookie(answer: AnyResponse, name: str) -> None:
    answer.delete_cookie(name, secure=True, httponly=True, samesite="Lax", path="/")


def _kept() -> Identity:
    kept: Identity = current_app.extensions["moyai.identity"]
    return kept


def _public_url() -> str:
    settings: Settings = current_app.config["MOYAI"]
    return settings.public_url
