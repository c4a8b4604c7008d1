"""What both realms have in common: how people sign in, what is known of them, the clients of Moyai itself."""

from __future__ import annotations

import json

from tenancy.keycloak.port import (
    COMMAND_LINE_CLIENT,
    CONSOLE_CLIENT,
    FIRST_SIGN_IN,
    MANAGED_BY,
    PASSWORD_ACR,
    SECOND_FACTOR_ACR,
    Realm,
)
from tenancy.keycloak.representations import API_CLIENT, MAIL_ATTRIBUTES, OPTIONAL, SECOND_FACTOR
from tenancy.keycloak.specification.model import (
    REALM_MANAGEMENT,
    ClientScope,
    ClientSpecification,
    DeploymentConfig,
    Execution,
    Flow,
    Json,
)
from tenancy.keycloak.theme import THEME

PEOPLE_CLIENT = "moyai-people"
CLIENTS_CLIENT = "moyai-clients"
RECONCILER_CLIENT = "moyai-reconciler"
BACKEND_CLIENTS = (PEOPLE_CLIENT, CLIENTS_CLIENT, RECONCILER_CLIENT)
"""The only holders of management roles there are in our realms."""

BROWSER_FLOW = "moyai-browser"
RESET_FLOW = "moyai-reset"
UNKNOWN_PERSON_FLOW = "moyai-unknown-person"
AFTER_IDENTITY_PROVIDER_FLOW = "moyai-after-identity-provider"
"""What follows a login at an identity provider of a tenant's own: the second factor, as after a password."""

TOKEN_EVENTS = ("CODE_TO_TOKEN", "REFRESH_TOKEN", "OAUTH2_DEVICE_CODE_TO_TOKEN")
"""Keycloak's events of issuing an access token to a person, each with the token's number."""

PASSWORD_EVENTS = ("UPDATE_PASSWORD", "UPDATE_CREDENTIAL")
"""Keycloak's events of a person's new password; the second one is also of other credentials, which it names."""

_RECORDED = """
AUTHREQID_TO_TOKEN CLIENT_DELETE CLIENT_INITIATED_ACCOUNT_LINKING CLIENT_LOGIN CLIENT_REGISTER CLIENT_UPDATE
CODE_TO_TOKEN CUSTOM_REQUIRED_ACTION DELETE_ACCOUNT EXECUTE_ACTIONS EXECUTE_ACTION_TOKEN FEDERATED_IDENTITY_LINK
FEDERATED_IDENTITY_OVERRIDE_LINK GRANT_CONSENT IDENTITY_PROVIDER_FIRST_LOGIN IDENTITY_PROVIDER_LINK_ACCOUNT
IDENTITY_PROVIDER_LOGIN IDENTITY_PROVIDER_POST_LOGIN IMPERSONATE INVITE_ORG JWT_AUTHORIZATION_GRANT LOGIN LOGOUT
OAUTH2_DEVICE_AUTH OAUTH2_DEVICE_CODE_TO_TOKEN OAUTH2_DEVICE_VERIFY_USER_CODE OAUTH2_EXTENSION_GRANT REFRESH_TOKEN
REGISTER REMOVE_CREDENTIAL REMOVE_FEDERATED_IDENTITY REMOVE_TOTP RESET_PASSWORD RESTART_AUTHENTICATION REVOKE_GRANT
SEND_IDENTITY_PROVIDER_LINK SEND_RESET_PASSWORD SEND_VERIFY_EMAIL TOKEN_EXCHANGE UPDATE_CONSENT UPDATE_CREDENTIAL
UPDATE_EMAIL UPDATE_PASSWORD UPDATE_PROFILE UPDATE_TOTP VERIFY_EMAIL VERIFY_PROFILE
"""
RECORDED_EVENTS = (
    *(f"{name}{outcome}" for name in _RECORDED.split() for outcome in ("", "_ERROR")),
    "USER_DISABLED_BY_PERMANENT_LOCKOUT",
    "USER_DISABLED_BY_TEMPORARY_LOCKOUT",
)
"""What Keycloak records of people and clients: what it records by itself, and refreshed tokens."""

ONE_YEAR_AND_A_DAY = 366 * 24 * 60 * 60
"""Logs are kept for a year at least."""


def sign_in_settings(deployment_config: DeploymentConfig) -> Json:
    """Realm settings about signing in, sessions, mail and events."""
    return {
        "enabled": True,
        # http is accepted from this machine only; from outside it takes TLS.
        "sslRequired": "external",
        "registrationAllowed": False,
        "rememberMe": False,
        "verifyEmail": False,
        "loginWithEmailAllowed": True,
        "duplicateEmailsAllowed": False,
        "editUsernameAllowed": False,
        "resetPasswordAllowed": deployment_config.delivers_mail,
        "userManagedAccessAllowed": False,
        "internationalizationEnabled": True,
        "supportedLocales": ["en", "ja"],
        "defaultLocale": "ja",
        "loginTheme": THEME,
        "emailTheme": THEME,
        "bruteForceProtected": True,
        "permanentLockout": False,
        "failureFactor": 5,
        "waitIncrementSeconds": 60,
        "maxFailureWaitSeconds": 900,
        "maxDeltaTimeSeconds": 43200,
        # Long, not composed: ASVS 6.2. Argon2 is Keycloak's own choice.
        "passwordPolicy": "length(15) and notUsername(undefined) and notEmail(undefined)",
        "defaultSignatureAlgorithm": "RS256",
        "accessTokenLifespan": 300,
        "ssoSessionIdleTimeout": deployment_config.idle_seconds,
        "ssoSessionMaxLifespan": deployment_config.longest_seconds,
        "revokeRefreshToken": True,
        "refreshTokenMaxReuse": 0,
        "actionTokenGeneratedByAdminLifespan": 86400,
        "eventsEnabled": True,
        "enabledEventTypes": list(RECORDED_EVENTS),
        "eventsExpiration": ONE_YEAR_AND_A_DAY,
        "adminEventsEnabled": True,
        "adminEventsDetailsEnabled": True,
        "attributes": {
            "adminEventsExpiration": str(ONE_YEAR_AND_A_DAY),
            "acr.loa.map": json.dumps({PASSWORD_ACR: "1", SECOND_FACTOR_ACR: "2"}, separators=(",", ":")),
            # The theme reads them.
            "moyai.example": str(deployment_config.is_example).lower(),
            "moyai.training": str(deployment_config.is_training).lower(),
        },
        "smtpServer": dict(deployment_config.smtp),
        "browserFlow": BROWSER_FLOW,
        "resetCredentialsFlow": RESET_FLOW,
    }


def sign_in_flows(
    deployment_config: DeploymentConfig,
    *,
    of_everybody: bool,
    session_steps: tuple[Execution, ...] = (),
    provider_steps: tuple[Execution, ...] = (),
) -> tuple[Flow, ...]:
    """How people sign in, and how they set a new password by themselves.

    `session_steps` are for who has a session, `provider_steps` for whom a tenant's identity provider vouches; both come
    before the password.

    Whoever has a second factor is asked for it, whether the client asks for that level or not. Where the installation
    requires one, whoever has none sets up TOTP (RFC 6238) at the sign-in: everybody, or all whose attribute does not
    say that they need none. A passkey may be added afterwards and is then as good. A client that asks for the level
    (`acr_values`) has the password and the second factor asked for anew; whoever has none sets it up there.
    """
    forms = [
        # User name and password on one page. Keycloak's organization step would list, before any password, where
        # a person belongs.
        Execution("auth-username-password-form", "REQUIRED"),
        *_second_factor(BROWSER_FLOW, deployment_config, of_everybody=of_everybody),
    ]
    return (
        Flow(
            BROWSER_FLOW,
            "browserFlow",
            "browser",
            "User name and password, then a second factor where the person has one or must have one",
            (
                Execution("auth-cookie", "ALTERNATIVE"),
                *session_steps,
                *provider_steps,
                Execution(f"{BROWSER_FLOW} forms", "ALTERNATIVE", tuple(forms)),
            ),
        ),
        Flow(
            RESET_FLOW,
            "resetCredentialsFlow",
            "reset credentials",
            "A new password by a mailed link; no second factor is replaced, and the person signs in afterwards",
            (
                Execution("reset-credentials-choose-user", "REQUIRED"),
                Execution("reset-credential-email", "REQUIRED", config={"force-login": "true"}),
                Execution("reset-password", "REQUIRED"),
            ),
        ),
    )


def steps_of_organization(realm: Realm) -> tuple[Execution, ...]:
    """Lets whoever has a session go on to an organization of theirs without a password.

    Keycloak's cookie step leaves a request for an organization to this one. It is for who is known by a session only:
    whoever is not has no role, and meets the one page with name and password.
    """
    known = {"condUserRole": f"default-roles-{realm}", "negate": "false"}
    return (
        Execution(
            f"{BROWSER_FLOW} organization",
            "ALTERNATIVE",
            (
                Execution(
                    f"{BROWSER_FLOW} organization of a session",
                    "CONDITIONAL",
                    (
                        Execution("conditional-user-role", "REQUIRED", config=known),
                        Execution("organization", "ALTERNATIVE"),
                    ),
                ),
            ),
        ),
    )


TO_IDENTITY_PROVIDER = (Execution("identity-provider-redirector", "ALTERNATIVE"),)
"""Leads to the identity provider that the request names (`kc_idp_hint`); without a name it does nothing."""


def identity_provider_flows(deployment_config: DeploymentConfig, *, of_everybody: bool) -> tuple[Flow, ...]:
    """What follows a login at an identity provider of a tenant's own.

    Moyai links each person beforehand. Whoever is linked to nobody is refused: Keycloak's own flow would make a user
    that is deleted with its organization, or offer to link by mail. Whoever is linked passes the second factor as after
    a password.
    """
    return (
        Flow(
            UNKNOWN_PERSON_FLOW,
            "firstBrokerLoginFlow",
            "first broker login",
            "Refuse whom no identity provider was linked to beforehand",
            (Execution("deny-access-authenticator", "REQUIRED", config={"denyErrorMessage": UNKNOWN_PERSON_MESSAGE}),),
        ),
        Flow(
            AFTER_IDENTITY_PROVIDER_FLOW,
            None,
            "",
            "A second factor where the person has one or must have one",
            (
                # A flow of conditions alone, none of which holds, would have nothing that succeeded.
                Execution("allow-access-authenticator", "REQUIRED"),
                *_second_factor(AFTER_IDENTITY_PROVIDER_FLOW, deployment_config, of_everybody=of_everybody),
            ),
        ),
    )


UNKNOWN_PERSON_MESSAGE = "moyaiUnknownPerson"
"""The theme's message for a person whom the identity provider knows and Moyai does not."""


def _second_factor(flow: str, deployment_config: DeploymentConfig, *, of_everybody: bool) -> tuple[Execution, ...]:
    """The steps of the second factor in a flow; the title of a group of steps is unique in the realm."""
    asked, enrolled = f"{flow} second factor", f"{flow} enrolment"
    steps = [
        Execution(
            asked,
            "CONDITIONAL",
            (
                Execution("conditional-user-configured", "REQUIRED"),
                _level(2),
                Execution("auth-otp-form", "ALTERNATIVE"),
                Execution("webauthn-authenticator", "ALTERNATIVE"),
                Execution("auth-recovery-authn-code-form", "ALTERNATIVE"),
            ),
        )
    ]
    asked_before = [asked]
    if deployment_config.requires_second_factor:
        enrolment = [
            Execution("conditional-sub-flow-executed", "REQUIRED", config=_not_executed(asked)),
            _level(2),
            # A person without the factor cannot pass this step; Keycloak then has it set up before it lets them in.
            Execution("auth-otp-form", "REQUIRED"),
        ]
        if not of_everybody:
            needed = {"attribute_name": SECOND_FACTOR, "attribute_expected_value": OPTIONAL, "not": "true"}
            enrolment.insert(1, Execution("conditional-user-attribute", "REQUIRED", config=needed))
        steps.append(Execution(enrolled, "CONDITIONAL", tuple(enrolment)))
        asked_before.append(enrolled)
    not_asked = tuple(
        Execution("conditional-sub-flow-executed", "REQUIRED", config=_not_executed(one)) for one in asked_before
    )
    # Until a level is reached, Keycloak takes a condition on any level as met; from then on only where the client asks
    # for it. So the first level is reached before the next step asks whether the client wants the second one.
    first_level = (_level(1), *not_asked, Execution("allow-access-authenticator", "REQUIRED"))
    steps.append(Execution(f"{flow} first factor alone", "CONDITIONAL", first_level))
    step_up = (_level(2), *not_asked, Execution("auth-otp-form", "REQUIRED"))
    steps.append(Execution(f"{flow} step-up", "CONDITIONAL", step_up))
    return tuple(steps)


def _not_executed(flow: str) -> dict[str, str]:
    return {"flow_to_check": flow, "check_result": "not-executed"}


def _level(level: int) -> Execution:
    """The steps beside it are how a person reaches this level of authentication (`acr`).

    A level holds for the one login only: whoever asks for the second one asks for it now.
    """
    config = {"loa-condition-level": str(level), "loa-max-age": "0"}
    return Execution("conditional-level-of-authentication", "REQUIRED", config=config)


def _attribute(name: str, *, seen_by_person: bool, **validations: Json) -> Json:
    return {
        "name": name,
        "displayName": f"${{{name}}}",
        "validations": {"length": {"max": 255}, **validations},
        "permissions": {
            "view": ["admin", "user"] if seen_by_person else ["admin"],
            "edit": ["admin"],
        },
        "multivalued": False,
    }


USER_PROFILE = (
    # People are kept in Moyai; nobody edits their own name, address or tenant here.
    {
        **_attribute("username", seen_by_person=True, **{"username-prohibited-characters": {}}),
        "validations": {
            "length": {"min": 3, "max": 255},
            "username-prohibited-characters": {},
            "up-username-not-idn-homograph": {},
        },
    },
    _attribute("email", seen_by_person=True, email={}),
    _attribute("firstName", seen_by_person=True, **{"person-name-prohibited-characters": {}}),
    _attribute("lastName", seen_by_person=True, **{"person-name-prohibited-characters": {}}),
    _attribute("tenant_id", seen_by_person=False),
    _attribute("managed_by", seen_by_person=False),
    _attribute(SECOND_FACTOR, seen_by_person=False),
    *(_attribute(name, seen_by_person=False) for name in MAIL_ATTRIBUTES),
)


def audience_mapper() -> Json:
    """The token is meant for Moyai's API and console."""
    return {
        "name": "audience moyai-api",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {
            "included.client.audience": API_CLIENT,
            "access.token.claim": "true",
            "id.token.claim": "false",
            "introspection.token.claim": "true",
        },
    }


def _login_time_mapper() -> Json:
    """When the person signed in, at `auth_time` of the access token; an ID token has it by itself."""
    return {
        "name": "login time",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-usersessionmodel-note-mapper",
        "config": {
            "user.session.note": "AUTH_TIME",
            "claim.name": "auth_time",
            "jsonType.label": "long",
            "access.token.claim": "true",
            "id.token.claim": "false",
            "userinfo.token.claim": "false",
            "introspection.token.claim": "true",
        },
    }


def api_client(roles: frozenset[str]) -> ClientSpecification:
    """The client that stands for Moyai's own API: it has roles and is an audience, nobody signs in as it."""
    return ClientSpecification(
        API_CLIENT,
        {
            "name": "Moyai API",
            "enabled": True,
            "bearerOnly": True,
            "publicClient": False,
            "fullScopeAllowed": False,
            "attributes": {"managed_by": MANAGED_BY},
        },
        roles=roles,
    )


def console_client(deployment_config: DeploymentConfig, optional_scopes: frozenset[str]) -> ClientSpecification:
    """The console: authorization code with PKCE, signing in with its own key, told when a session ends."""
    url = deployment_config.public_url.rstrip("/")
    return ClientSpecification(
        CONSOLE_CLIENT,
        {
            "name": "Moyai",
            "enabled": True,
            "protocol": "openid-connect",
            "publicClient": False,
            "bearerOnly": False,
            "clientAuthenticatorType": "client-jwt",
            "standardFlowEnabled": True,
            "implicitFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "serviceAccountsEnabled": False,
            "fullScopeAllowed": False,
            "consentRequired": False,
            "rootUrl": url,
            "baseUrl": f"{url}/",
            # The second is where the mailed link to a password ends: there a sign-in begins, none is answered.
            "redirectUris": [f"{url}/login/callback", f"{url}{FIRST_SIGN_IN}*"],
            "webOrigins": [],
            "frontchannelLogout": False,
            "attributes": {
                "managed_by": MANAGED_BY,
                "use.jwks.string": "true",
                "jwks.string": deployment_config.jwks["console"],
                "pkce.code.challenge.method": "S256",
                "post.logout.redirect.uris": f"{url}/",
                "backchannel.logout.url": f"{url}/backchannel-logout",
                "backchannel.logout.session.required": "true",
                "backchannel.logout.revoke.offline.tokens": "true",
            },
        },
        # Without `profile` and `email`: a token names the person by `sub` alone.
        default_scopes=frozenset({"basic", "acr", API_CLIENT}),
        optional_scopes=optional_scopes,
        former_scopes=frozenset({"profile", "email"}),
    )


def command_line_client(deployment_config: DeploymentConfig, optional_scopes: frozenset[str]) -> ClientSpecification:
    """`moyai login` on any machine: the device authorization grant (RFC 8628) with PKCE S256, and no other flow.

    It is public, for a program on everybody's machine keeps no secret, and so it has no address to redirect to.
    Keycloak asks the person on a page of its own whether the command line may act for them.
    """
    url = deployment_config.public_url.rstrip("/")
    return ClientSpecification(
        COMMAND_LINE_CLIENT,
        {
            "name": "moyai login (Moyai 催合)",
            "enabled": True,
            "protocol": "openid-connect",
            "publicClient": True,
            "bearerOnly": False,
            "standardFlowEnabled": False,
            "implicitFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "serviceAccountsEnabled": False,
            "fullScopeAllowed": False,
            "consentRequired": False,
            "redirectUris": [],
            "webOrigins": [],
            "frontchannelLogout": False,
            "attributes": {
                "managed_by": MANAGED_BY,
                "oauth2.device.authorization.grant.enabled": "true",
                "pkce.code.challenge.method": "S256",
                "backchannel.logout.url": f"{url}/backchannel-logout",
                "backchannel.logout.session.required": "true",
            },
        },
        default_scopes=frozenset({"basic", "acr", API_CLIENT}),
        optional_scopes=optional_scopes,
    )


def backend_client(
    deployment_config: DeploymentConfig,
    client_id: str,
    key: str,
    title: str,
    management_roles: set[str],
) -> ClientSpecification:
    """One of the backend's own accounts: signs in with its key and may do what its roles name, no more."""
    return ClientSpecification(
        client_id,
        {
            "name": title,
            "enabled": True,
            "protocol": "openid-connect",
            "publicClient": False,
            "bearerOnly": False,
            "clientAuthenticatorType": "client-jwt",
            "standardFlowEnabled": False,
            "implicitFlowEnabled": False,
            "directAccessGrantsEnabled": False,
            "serviceAccountsEnabled": True,
            "fullScopeAllowed": False,
            "attributes": {
                "managed_by": MANAGED_BY,
                "use.jwks.string": "true",
                "jwks.string": deployment_config.jwks[key],
            },
        },
        default_scopes=frozenset({"basic", "roles"}),
        management_roles=frozenset(management_roles),
    )


def closed_built_in_clients() -> tuple[ClientSpecification, ...]:
    """Keycloak's administration is reached through `master` only, and people's accounts are kept in Moyai.

    Nobody signs in by handing over a password.
    """
    return (
        ClientSpecification("account", {"enabled": False, "standardFlowEnabled": False}),
        ClientSpecification("account-console", {"enabled": False, "standardFlowEnabled": False}),
        ClientSpecification("admin-cli", {"enabled": False, "directAccessGrantsEnabled": False}),
        ClientSpecification("security-admin-console", {"enabled": False, "standardFlowEnabled": False}),
    )


OFFLINE_ACCESS = "offline_access"
"""Keycloak's own client scope and role for tokens that outlive the session. Nothing of ours asks for such a token."""

BUILT_IN_CLIENTS = frozenset(
    {
        "account",
        "account-console",
        "admin-cli",
        "broker",
        REALM_MANAGEMENT,
        "security-admin-console",
        # Keycloak makes it by itself once somebody comes to one of its pages from no client.
        "_system",
    }
)


def api_scope(*mappers: Json, roles: frozenset[str] = frozenset()) -> ClientScope:
    """The scope `moyai-api`: the audience, and in the operators' realm the operator's roles."""
    return ClientScope(
        API_CLIENT,
        {
            "protocol": "openid-connect",
            "description": "Tokens for Moyai",
            "attributes": {
                "include.in.token.scope": "false",
                "display.on.consent.screen": "false",
            },
        },
        (audience_mapper(), _login_time_mapper(), *mappers),
        {API_CLIENT: roles} if roles else {},
    )


def service_scope(name: str) -> ClientScope:
    """What a service client may ask of Moyai; Moyai reads it from the token's `scope`."""
    return ClientScope(
        name,
        {
            "protocol": "openid-connect",
            "attributes": {
                "include.in.token.scope": "true",
                "display.on.consent.screen": "false",
            },
        },
    )
