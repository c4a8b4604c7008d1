"""What each step does in Keycloak: read, compare, write the difference, read again (the port does all four).

An action takes the tenant's frozen intent and the port to Keycloak and returns how its attempt ended; it changes
nothing in Moyai's database. Not here: when a step is attempted and what state follows (`steps`), and the recording
(`worker`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from governance.kernel.errors import DependencyUnavailable, DomainError, Message, message
from tenancy.keycloak.messages import EMAIL_TAKEN
from tenancy.keycloak.port import EnsureOutcome, EnsureResult, Identities
from tenancy.onboarding.intents import MemberIntent, OnboardingIntent
from tenancy.onboarding.models import StepEffect, StepOutcome
from tenancy.onboarding.steps import StepName, StepResult
from tenancy.people.states import SyncProblem
from tenancy.tenants.states import TenantState

OWNER_MISSING = message(
    "onboarding.owner_missing",
    ja="団体管理者がまだ登録されていません。",
    en="No owner has been added yet.",
    hint_ja="団体管理者を登録すると、自動で続きます。",
    hint_en="Add an owner; onboarding then continues automatically.",
)
CLIENT_MISSING = message(
    "onboarding.client_missing",
    ja="連携システムの公開鍵がまだ登録されていません。",
    en="No service client with its public key has been registered yet.",
    hint_ja="公開鍵を登録すると自動で続きます。使わない団体では、この手順を省けます。",
    hint_en="Register one and onboarding continues automatically, or skip the step for a tenant without systems.",
)
OWNER_WAITS = message(
    "onboarding.owner_waits",
    ja="団体管理者を認証サービスに登録できないため、待っています（利用者の一覧に理由があります）。",
    en="No owner could be created in the identity server; the list of people says why.",
    hint_ja="別のメールアドレスの団体管理者を追加すると、自動で続きます。",
    hint_en="Add an owner with another address; onboarding then continues automatically.",
)
QUOTAS_MISSING = message(
    "onboarding.quotas_missing",
    ja="利用プランがまだ選ばれていません。",
    en="No plan has been assigned yet.",
    hint_ja="利用プランを選ぶと、自動で続きます。",
    hint_en="Assign a plan; onboarding then continues automatically.",
)
AGREEMENT_MISSING = message(
    "onboarding.agreement_missing",
    ja="協定への同意がまだ記録されていません。",
    en="The agreement has not been accepted yet.",
    hint_ja="同意を記録すると、自動で続きます。",
    hint_en="Record the acceptance; onboarding then continues automatically.",
)
KEYCLOAK_UNAVAILABLE = message(
    "onboarding.identities_away",
    ja="Keycloak に接続できないため、待っています。つながりしだい、自動で続きます。",
    en="Keycloak cannot be reached; this step waits and continues automatically.",
)
MAIL_UNKNOWN = message(
    "onboarding.mail_unknown",
    ja="パスワード設定メールの送信が途中で切れました。届いたかどうか分からないため、自動では送り直しません。",
    en="Sending the password email was interrupted. It may have arrived, so it is not sent again automatically.",
    hint_ja="本人に確かめて、届いていなければ「再実行する」、届いていれば「実施済みとする」を選んでください。",
    hint_en="Ask the owner: retry if it did not arrive, adopt if it did.",
)


PORTION: Final = 100
"""How many people one attempt creates: what was done is recorded after each, and a worker that dies loses no more."""

MISSING_INPUT: Final = frozenset(
    message.code for message in (OWNER_MISSING, OWNER_WAITS, CLIENT_MISSING, QUOTAS_MISSING, AGREEMENT_MISSING)
)
"""Codes of the reasons for which a step waits for a person to enter something."""


@dataclass(frozen=True, slots=True)
class StepAttempt:
    """How one attempt of a step ended.

    `reason` is a message's code and `facts` its values, where it did not end well; `outcome` is what was done, where it
    did. `keycloak_ids` are Keycloak's ids of people or service clients by our own id; `mailed` are our ids of people.
    `waiting` are people whom Keycloak refused, `asked` people who have an account in another tenant, by its username;
    `released` are accounts of any tenant whose address was given up.
    """

    result: StepResult
    reason: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    outcome: StepOutcome | None = None
    keycloak_ids: dict[UUID, str] = field(default_factory=dict)
    mailed: tuple[UUID, ...] = ()
    waiting: dict[UUID, SyncProblem] = field(default_factory=dict)
    asked: dict[UUID, UUID] = field(default_factory=dict)
    released: tuple[UUID, ...] = ()


def run_step(step: StepName, intent: OnboardingIntent, identities: Identities, *, is_retry: bool) -> StepAttempt:
    """Attempt the step once. `is_retry` says that an earlier attempt was begun and may have got as far as Keycloak.

    A DomainError is returned as the result REFUSED, DependencyUnavailable as UNREACHABLE (as REFUSED for the password
    mail, which must not be sent twice); any other exception is a bug and is raised.
    """
    try:
        return STEP_ACTIONS[step](intent, identities, is_retry)
    except DependencyUnavailable:
        if step is StepName.PASSWORD_MAIL:
            return _refused_attempt(MAIL_UNKNOWN)
        return StepAttempt(StepResult.UNREACHABLE, KEYCLOAK_UNAVAILABLE.code)
    except DomainError as refusal:
        facts = {name: value if isinstance(value, int) else str(value) for name, value in refusal.facts.items()}
        # An email address is personal data: it is stored in the member's row only.
        facts.pop("email", None)
        return StepAttempt(StepResult.REFUSED, refusal.code, facts)


def _organization(intent: OnboardingIntent, identities: Identities, _: bool) -> StepAttempt:
    ensured = identities.ensure_organization(intent.organization)
    return _done(ensured.outcome, organization=ensured.found.id, changes=ensured.changes)


def _role_groups(intent: OnboardingIntent, identities: Identities, _: bool) -> StepAttempt:
    ensured = identities.ensure_role_groups(intent.tenant_id)
    return _done(ensured.outcome, changes=ensured.changes)


def _first_owner(intent: OnboardingIntent, identities: Identities, _: bool) -> StepAttempt:
    if not intent.owners:
        return _missing_input(OWNER_MISSING)
    attempt = _people(intent, [owner for owner in intent.owners if owner.is_due], identities)
    if any(owner.keycloak_id is not None for owner in intent.owners) or attempt.keycloak_ids:
        return attempt
    # The tenant needs one owner; one that waits stops nobody but the tenant that has no other.
    return replace(attempt, result=StepResult.MISSING, reason=OWNER_WAITS.code, outcome=None)


def _other_people(intent: OnboardingIntent, identities: Identities, _: bool) -> StepAttempt:
    # People who are in Keycloak already are compared by the drift report, so that a run with nothing to do is cheap.
    to_make = [person for person in intent.others if person.keycloak_id is None and person.is_due]
    if not to_make:
        return _done(EnsureOutcome.KEPT, people=len(intent.others))
    attempt = _people(intent, to_make[:PORTION], identities)
    return attempt if len(to_make) <= PORTION else replace(attempt, result=StepResult.PORTION)


def _password_mail(intent: OnboardingIntent, identities: Identities, is_retry: bool) -> StepAttempt:
    to_mail = owners_to_mail(intent)
    if not to_mail:
        return _done(EnsureOutcome.KEPT)
    if is_retry:
        return _refused_attempt(MAIL_UNKNOWN)
    for person in to_mail:
        identities.send_password_mail(person.intent.person_id, invitation=person.invitation)
    mailed = tuple(person.intent.person_id for person in to_mail)
    return StepAttempt(StepResult.DONE, outcome=StepOutcome(effect=StepEffect.SENT, mailed=mailed), mailed=mailed)


def owners_to_mail(intent: OnboardingIntent) -> list[MemberIntent]:
    """The owners in Keycloak to whom no password mail was sent. One who waits has no account to set it for."""
    return [person for person in intent.owners if person.keycloak_id is not None and person.mailed_at is None]


def _service_client(intent: OnboardingIntent, identities: Identities, _: bool) -> StepAttempt:
    if not intent.service_clients:
        return _missing_input(CLIENT_MISSING)
    ensured = identities.ensure_service_clients(intent.tenant_id, intent.service_clients)
    ids = {
        wanted.service_client_id: made.found.id
        for wanted, made in zip(intent.service_clients, ensured, strict=True)
        if wanted.secret_number is None
    }
    return _done(_strongest_outcome(ensured), keycloak_ids=ids, service_clients=tuple(ids))


def _quotas(intent: OnboardingIntent, _: Identities, __: bool) -> StepAttempt:
    if not intent.quotas:
        return _missing_input(QUOTAS_MISSING)
    return _done(EnsureOutcome.KEPT, quotas=dict(intent.quotas))


def _agreement(intent: OnboardingIntent, _: Identities, __: bool) -> StepAttempt:
    if intent.agreement is None:
        return _missing_input(AGREEMENT_MISSING)
    return _done(EnsureOutcome.KEPT, agreement=UUID(intent.agreement))


def _membership(intent: OnboardingIntent, _: Identities, __: bool) -> StepAttempt:
    """Nothing to do in Keycloak: recording this result changes the tenant's state."""
    return _done(EnsureOutcome.KEPT if intent.state is TenantState.ACTIVE else EnsureOutcome.CHANGED)


STEP_ACTIONS: Final[dict[StepName, Callable[[OnboardingIntent, Identities, bool], StepAttempt]]] = {
    StepName.ORGANIZATION: _organization,
    StepName.ROLE_GROUPS: _role_groups,
    StepName.FIRST_OWNER: _first_owner,
    StepName.PASSWORD_MAIL: _password_mail,
    StepName.PEOPLE: _other_people,
    StepName.SERVICE_CLIENT: _service_client,
    StepName.QUOTAS: _quotas,
    StepName.AGREEMENT: _agreement,
    StepName.MEMBERSHIP: _membership,
}


def _people(intent: OnboardingIntent, people: Sequence[MemberIntent], identities: Identities) -> StepAttempt:
    """Each person by themselves: whom Keycloak refuses waits, who has an account already is asked, others are made."""
    asked = {person.intent.person_id: person.asks for person in people if person.asks is not None}
    people = [person for person in people if person.asks is None]
    if not people:
        return replace(_done(EnsureOutcome.KEPT, people=0), asked=asked)
    released = tuple(holder for person in people for holder in person.former_holders)
    for holder in released:
        identities.release_address(holder)
    wanted = [person.intent for person in people]
    results = list(zip(wanted, identities.ensure_each_person(intent.tenant_id, wanted), strict=True))
    made = [(person, one) for person, one in results if isinstance(one, EnsureResult)]
    waiting = {person.person_id: sync_problem_of(one) for person, one in results if isinstance(one, DomainError)}
    ids = {person.person_id: one.found.id for person, one in made}
    outcome = _strongest_outcome([one for _, one in made])
    attempt = _done(outcome, keycloak_ids=ids, people=len(ids), waiting=tuple(sorted(waiting)) or None)
    return replace(attempt, waiting=waiting, asked=asked, released=released)


def sync_problem_of(refusal: DomainError) -> SyncProblem:
    """What a person waits for whom Keycloak refused with this."""
    return SyncProblem.ADDRESS_IN_USE if refusal.message is EMAIL_TAKEN else SyncProblem.REFUSED


def _strongest_outcome(ensured: Sequence[EnsureResult[Any]]) -> EnsureOutcome:
    """One outcome for several: created before changed before kept, which is also that of none."""
    outcomes = {one.outcome for one in ensured}
    return next(
        (outcome for outcome in (EnsureOutcome.CREATED, EnsureOutcome.CHANGED) if outcome in outcomes),
        EnsureOutcome.KEPT,
    )


def _done(done: EnsureOutcome, /, *, keycloak_ids: dict[UUID, str] | None = None, **facts: Any) -> StepAttempt:
    outcome = StepOutcome(effect=StepEffect(done.value), **facts)
    return StepAttempt(StepResult.DONE, outcome=outcome, keycloak_ids=keycloak_ids or {})


def _missing_input(message: Message) -> StepAttempt:
    return StepAttempt(StepResult.MISSING, message.code)


def _refused_attempt(message: Message) -> StepAttempt:
    return StepAttempt(StepResult.REFUSED, message.code)
