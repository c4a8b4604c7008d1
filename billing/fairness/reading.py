"""A game from JSON, and what is said of it, as the contract of `moyai allocation fairness` writes both."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, Final

from billing.fairness.core import violations
from billing.fairness.explanation import sentences
from billing.fairness.game import Game, StepGame, TableGame, coalition_name
from billing.fairness.nucleolus import MAX_PLAYERS, nucleolus
from billing.fairness.separable import scrb, separable_costs
from billing.fairness.shapley import MAX_TABLE_PLAYERS, shapley
from governance.kernel.digest import digest_of
from governance.kernel.errors import Invalid, Language, message
from governance.kernel.models import ReadModel
from governance.kernel.strict_model import DocumentError, ExactNumber, StrictModel, read_document
from governance.kernel.yen import printable

LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")
MAX_STEP_PLAYERS: Final = 2_000
PLACES: Final = 6
MORE_PLACES: Final = 12

NOT_A_NUMBER = message(
    "fairness.not_a_number",
    ja='整数か、"60.00"・"6/100" のような半角の文字列で指定してください（指定された値: {given}）。',
    en='Give an integer, or a string such as "60.00" or "6/100"; {given} is neither.',
)
NOT_UNDERSTOOD = message(
    "fairness.not_understood",
    ja="「{given}」は使えません。使えるもの: {known}。",
    en="“{given}” cannot be used here; what can: {known}.",
)
UNKNOWN_KEY = message(
    "fairness.unknown_key",
    ja="「{given}」という項目はありません。使える項目: {known}。",
    en="Unknown field “{given}”; the known ones are {known}.",
)
ONE_KIND = message(
    "fairness.one_kind",
    ja="費用は cost、dense、airport、または fixed・tiers・own のいずれか一つの形で指定してください。",
    en="Give the costs in one form: cost, dense, airport, or fixed with tiers and own.",
)
PLAYER = message(
    "fairness.player",
    ja="団体の名称は 1〜100 文字で「+」を含まず、重ならないものにしてください（指定された値: {given}）。",
    en="A player's name has 1 to 100 characters, no “+”, and is used once; given: {given}.",
)
TOO_MANY = message(
    "fairness.too_many_players",
    ja="団体は {most} までです（指定された数: {given}）。",
    en="There may be at most {most} players, not {given}.",
)
NO_PLAYER = message(
    "fairness.no_player",
    ja="団体がひとつもありません。",
    en="There is no player.",
)
MISSING_COALITION = message(
    "fairness.missing_coalition",
    ja="「{given}」の費用がありません。",
    en="The cost of the coalition “{given}” is missing.",
)
UNKNOWN_COALITION = message(
    "fairness.unknown_coalition",
    ja="「{given}」という組はありません。団体は players の順に + でつないでください。",
    en="There is no coalition “{given}”; join the players with + in the order of “players”.",
)
MISSING_PLAYER = message(
    "fairness.missing_player",
    ja="「{given}」の値がありません。",
    en="There is no value for “{given}”.",
)
UNKNOWN_PLAYER = message(
    "fairness.unknown_player",
    ja="「{given}」という団体はありません。",
    en="There is no player “{given}”.",
)
DENSE_LENGTH = message(
    "fairness.dense_length",
    ja="費用の数は 2 の団体数乗（{expected}）でなければなりません（現在: {given}）。",
    en="There must be 2 to the number of players ({expected}) costs, not {given}.",
)
NOBODY_COSTS = message(
    "fairness.nobody_costs",
    ja="だれもいない組の費用は 0 でなければなりません（指定された値: {given}）。",
    en="The cost of nobody must be 0, not {given}.",
)
NO_IMPUTATION = message(
    "fairness.no_imputation",
    ja="単独費用の合計 {alone} が全体の費用 {total} を下回るため、仁はありません。個別合理性を除いた準仁を示します。",
    en="The stand-alone costs add up to {alone}, below the cost of all, {total}: there is no nucleolus. "
    "The pre-nucleolus, without individual rationality, is given.",
)
NUCLEOLUS_PLAYERS = message(
    "fairness.nucleolus_players",
    ja="仁は {most} 団体までです。",
    en="The nucleolus is computed for up to {most} players.",
)

Number = Annotated[Fraction, ExactNumber(NOT_A_NUMBER, allows_negative=True)]


class GameFile(StrictModel):
    """A cost game. The costs in one of four forms: `cost` by coalition ("A+B"), `dense` in bitmask order, `airport`
    (a coalition costs what its largest member does), or `fixed` + largest of `tiers` + the members' `own`."""

    players: list[str] | None = None
    cost: dict[str, Number] | None = None
    dense: list[Number] | None = None
    airport: dict[str, Number] | None = None
    fixed: Number | None = None
    tiers: dict[str, Number] | None = None
    own: dict[str, Number] | None = None


class ViolationRead(ReadModel):
    """A coalition that pays more than it would alone, with both amounts and the difference as decimals."""

    coalition: str
    charged: str
    cost: str
    excess: str


class CoreRead(ReadModel):
    """Whether no division suits every coalition (`empty`, null where it is not known), and who leaves under each."""

    empty: bool | None
    violations: dict[str, tuple[ViolationRead, ...]]


class FairnessRead(ReadModel):
    """What the methods say, by player: decimals of at least 6 places; `exact` has the same as fractions.

    A method that cannot divide the cost is null, and `notes` says why. `prenucleolus` is there where no nucleolus is.
    """

    shapley: dict[str, str]
    scrb: dict[str, str] | None
    nucleolus: dict[str, str] | None
    prenucleolus: dict[str, str] | None
    separable: dict[str, str]
    alone: dict[str, str]
    equal: dict[str, str]
    proportional: dict[str, str] | None
    core: CoreRead
    exact: dict[str, dict[str, str]]
    notes: tuple[str, ...]
    sentences: dict[str, tuple[str, ...]]
    """What each method says and for whom it fails, in plain words, by language (ja, en)."""
    digest: str


def read_game(value: Any) -> Game:
    """The game that a JSON value holds. Raises Invalid, naming the field, as `cost.A+B` for a missing coalition."""
    given = read_document(GameFile, value, _wording)
    forms = [
        name
        for name, there in (
            ("cost", given.cost is not None),
            ("dense", given.dense is not None),
            ("airport", given.airport is not None),
            ("fixed", any(one is not None for one in (given.fixed, given.tiers, given.own))),
        )
        if there
    ]
    if len(forms) != 1:
        raise Invalid(ONE_KIND, field=forms[1] if forms else "cost")
    by_player = given.airport or given.tiers or given.own or {}
    players = given.players if given.players is not None else list(by_player)
    _check_players(players, MAX_TABLE_PLAYERS if forms[0] in ("cost", "dense") else MAX_STEP_PLAYERS)
    match forms[0]:
        case "cost":
            return _by_coalition(players, given.cost or {})
        case "dense":
            return _by_bitmask(players, given.dense or [])
        case "airport":
            return _steps(players, Fraction(0), given.airport, {}, "airport")
    return _steps(players, given.fixed or Fraction(0), given.tiers, given.own or {}, "tiers")


def _check_players(players: Sequence[str], most: int) -> None:
    if not players:
        raise Invalid(NO_PLAYER, field="players")
    if len(players) > most:
        raise Invalid(TOO_MANY, field="players", most=most, given=len(players))
    for place, player in enumerate(players):
        if (
            not player.strip()
            or "+" in player
            or len(player) > 100
            or not player.isprintable()
            or player in players[:place]
        ):
            raise Invalid(PLAYER, field=f"players[{place}]", given=printable(player))


def _by_coalition(players: Sequence[str], cost: dict[str, Fraction]) -> TableGame:
    costs = [Fraction(0)]
    for mask in range(1, 1 << len(players)):
        name = coalition_name(players, mask)
        if name not in cost:
            raise Invalid(MISSING_COALITION, field=f"cost.{printable(name)}", given=name)
        costs.append(cost[name])
    if len(cost) != len(costs) - 1:
        known = {coalition_name(players, mask) for mask in range(1, len(costs))}
        unknown = next(name for name in cost if name not in known)
        raise Invalid(UNKNOWN_COALITION, field=f"cost.{printable(unknown)}", given=printable(unknown))
    return TableGame.of(players, costs)


def _by_bitmask(players: Sequence[str], dense: Sequence[Fraction]) -> TableGame:
    if len(dense) != 1 << len(players):
        raise Invalid(DENSE_LENGTH, field="dense", expected=1 << len(players), given=len(dense))
    if dense[0]:
        raise Invalid(NOBODY_COSTS, field="dense[0]", given=printable(dense[0]))
    return TableGame.of(players, dense)


def _steps(
    players: Sequence[str],
    fixed: Fraction,
    tiers: dict[str, Fraction] | None,
    own: dict[str, Fraction],
    field: str,
) -> StepGame:
    for name, table in ((field, tiers or {}), ("own", own)):
        for player in table:
            if player not in players:
                raise Invalid(UNKNOWN_PLAYER, field=f"{name}.{printable(player)}", given=printable(player))
        for player in players if table else ():
            if player not in table:
                raise Invalid(MISSING_PLAYER, field=f"{name}.{printable(player)}", given=printable(player))
            if name == field and table[player] < 0:
                raise Invalid(NOT_A_NUMBER, field=f"{name}.{printable(player)}", given=printable(table[player]))
    zero = Fraction(0)
    return StepGame(
        tuple(players),
        fixed,
        tuple((tiers or {}).get(player, zero) for player in players),
        tuple(own.get(player, zero) for player in players),
    )


def fairness_of(game: Game) -> FairnessRead:
    """What the methods say of a game, with the core test of each."""
    players = game.players
    everybody = (1 << len(players)) - 1
    total = game.cost(everybody)
    alone = tuple(game.cost(1 << place) for place in range(len(players)))
    notes: list[Invalid] = []
    divisions: dict[str, tuple[Fraction, ...]] = {"shapley": shapley(game)}
    try:
        divisions["scrb"] = scrb(game)
    except Invalid as refusal:
        notes.append(refusal)
    empty: bool | None = None
    table = game.table() if isinstance(game, StepGame) and len(players) <= MAX_PLAYERS else game
    if len(players) > MAX_PLAYERS or not isinstance(table, TableGame):
        notes.append(Invalid(NUCLEOLUS_PLAYERS, most=MAX_PLAYERS))
    else:
        found = nucleolus(table)
        if found is not None:
            divisions["nucleolus"] = found.shares
        else:
            notes.append(Invalid(NO_IMPUTATION, alone=printable(sum(alone)), total=printable(total)))
            found = nucleolus(table, individually_rational=False)
            if found is not None:
                divisions["prenucleolus"] = found.shares
        empty = found is not None and found.worst_excess > 0
    broken = {name: violations(game, shares) for name, shares in divisions.items()}
    if empty is None and any(not found for found in broken.values()):
        empty = False
    plain = {"equal": (total / len(players),) * len(players)}
    if sum(alone):
        plain["proportional"] = tuple(total * cost / sum(alone) for cost in alone)
    everything = divisions | plain | {"separable": separable_costs(game), "alone": alone}

    def decimals(name: str) -> dict[str, str] | None:
        shares = everything.get(name)
        return None if shares is None else dict(zip(players, map(decimal, shares), strict=True))

    exact = {name: dict(zip(players, map(str, shares), strict=True)) for name, shares in sorted(everything.items())}
    return FairnessRead(
        shapley=decimals("shapley") or {},
        scrb=decimals("scrb"),
        nucleolus=decimals("nucleolus"),
        prenucleolus=decimals("prenucleolus"),
        separable=decimals("separable") or {},
        alone=decimals("alone") or {},
        equal=decimals("equal") or {},
        proportional=decimals("proportional"),
        core=CoreRead(
            empty=empty,
            violations={
                name: tuple(
                    ViolationRead(
                        coalition=coalition_name(players, one.coalition),
                        charged=decimal(one.charged),
                        cost=decimal(one.cost),
                        excess=decimal(one.excess),
                    )
                    for one in found
                )
                for name, found in broken.items()
            },
        ),
        exact=exact,
        notes=tuple(f"{note.text('ja')} / {note.text('en')}" for note in notes),
        sentences={
            language: tuple(
                one
                for name, shares in divisions.items()
                for one in sentences(game, name, shares, broken[name], language)
            )
            for language in LANGUAGES
        },
        digest=digest_of({"form": "moyai.fairness/1", "players": list(players), "total": str(total), "exact": exact}),
    )


def decimal(value: Fraction) -> str:
    """A decimal of 6 places where that is exact, else of 12, rounded half up away from zero."""
    places = PLACES if (value * 10**PLACES).denominator == 1 else MORE_PLACES
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    sign = "-" if value < 0 and whole else ""
    digits = f"{whole:0{places + 1}}"
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def _wording(error: DocumentError) -> Invalid:
    """Our refusal for what pydantic found (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
    given = printable(error.given)
    if error.type == "extra_forbidden":
        return Invalid(UNKNOWN_KEY, given=printable(error.path[-1]), known=", ".join(GameFile.model_fields))
    expected = {"list_type": "[…]", "dict_type": "{…}", "string_type": '"…"'}.get(error.type, "{…}")
    return Invalid(NOT_UNDERSTOOD, given=given, known=expected)
