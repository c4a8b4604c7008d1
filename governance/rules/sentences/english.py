"""A rule's sentences in English, from the same slots as the Japanese ones."""

from __future__ import annotations

import re
from calendar import month_name
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from governance.rules.sentences.patterns import (
    Bracketed,
    Complete,
    Either,
    Form,
    Is,
    ListOf,
    Lit,
    Match,
    Most,
    ObjectOf,
    OneOf,
    PairsOf,
    Pattern,
    Seq,
    Slot,
    Without,
    Words,
    maybe,
)
from governance.rules.sentences.values import (
    NUMBER,
    QUOTED,
    amount,
    complement,
    decimal_text,
    integer,
    mapped,
    member_form,
    plain,
    yearly,
)
from governance.rules.sentences.words import DEDUCTED, KINDS, METRICS, STATISTICS

WHO: Final = "the prefecture"
_MONTHS: Final = {name: number for number, name in enumerate(month_name) if name}


def _percent(value: Any) -> str | None:
    exact = Fraction(value)
    text = decimal_text(exact * 100)
    return f"{text}%" if text is not None else str(exact)


def _ratio(found: re.Match[str]) -> int | str | None:
    try:
        return plain(Fraction(found[1]) / 100) if found[2] else plain(Fraction(found[1]))
    except ZeroDivisionError:
        return None


RATIO: Final[Form] = Match(r"([0-9]+(?:\.[0-9]+|/[0-9]+)?)(%?)", _percent, _ratio)
"""A ratio as 12.5%, else as a fraction."""
YEN: Final = amount(" yen")
YEAR: Final = integer("[0-9]{4}")


def _long_day(value: Any) -> str | None:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        return None
    return f"{day.day} {month_name[day.month]} {day.year}"


def _read_day(found: re.Match[str]) -> str | None:
    try:
        return date(int(found[3]), _MONTHS[found[2]], int(found[1])).isoformat()
    except (KeyError, ValueError):
        return None


DAY: Final[Form] = Match(r"([0-9]{1,2}) ([A-Z][a-z]+) ([0-9]{4})", _long_day, _read_day)


def _yearly_day(value: Any) -> str | None:
    found = re.fullmatch(r"(year|previous)-([0-9]{2})-([0-9]{2})", str(value))
    if found is None:
        return None
    return (
        f"{int(found[3])} {month_name[int(found[2])]} of {'the year before' if found[1] == 'previous' else 'that year'}"
    )


def _read_yearly_day(found: re.Match[str]) -> str | None:
    if found[2] not in _MONTHS:
        return None
    return f"{'previous' if found[3] == 'the year before' else 'year'}-{_MONTHS[found[2]]:02}-{int(found[1]):02}"


AT: Final[Form] = OneOf(
    DAY, Match(r"([0-9]{1,2}) ([A-Z][a-z]+) of (the year before|that year)", _yearly_day, _read_yearly_day)
)
MONTH_AND_DAY: Final[Form] = Match(
    r"([0-9]{1,2}) ([A-Z][a-z]+)",
    lambda value: f"{int(value[3:])} {month_name[int(value[:2])]}",
    lambda found: f"{_MONTHS[found[2]]:02}-{int(found[1]):02}" if found[2] in _MONTHS else None,
)
REFERENCE: Final[Form] = ObjectOf(
    Seq(
        "《",
        Slot("title", QUOTED),
        maybe(" article ", Slot("article", QUOTED)),
        maybe(" at ", Slot("url", QUOTED)),
        maybe(" published ", Slot("published_on", QUOTED)),
        "》",
    )
)


def by_year(form: Form) -> Form:
    """A value, or [from fiscal 2026 10%, from fiscal 2028 20%]."""

    def entries(of: Form) -> Form:
        entry = ObjectOf(
            Seq(
                "from fiscal ",
                Slot("from_fiscal_year", YEAR),
                " ",
                Slot("value", of),
                maybe(Slot("reference", REFERENCE)),
            )
        )
        return Bracketed(ListOf(entry, ", "), "[", "]")

    return yearly(form, entries)


_WINDOWS: Final = Words(
    {
        "previous_fiscal_year": "the previous fiscal year",
        "fiscal_year": "the fiscal year",
        "previous_calendar_year": "the previous calendar year",
        "calendar_year": "the calendar year",
    }
)
_SUBJECTS: Final = ("the cost", "the rest")


class English:
    """The patterns of the stages, for members of these names (by code)."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.member: Form = member_form(names)
        self._stages: dict[tuple[str, str, bool], Pattern] = {}
        self.members = ListOf(self.member, ", ")
        self.component = self._component()
        self.title = Seq("Title ", Slot("ja", QUOTED), maybe(" (English ", Slot("en", QUOTED), ")"), ".")

    @cached_property
    def heading(self) -> Pattern:
        """What a stage is called where it has not its usual id, and where it stands in writing."""
        return Seq(
            "[Stage",
            maybe(" ", Slot("id", QUOTED)),
            maybe(" named ", Slot("name", QUOTED)),
            maybe(" by ", Slot("reference", REFERENCE)),
            maybe(" note ", Slot("note", QUOTED)),
            "]",
        )

    @cached_property
    def rule_reference(self) -> Pattern:
        return Seq("By ", Slot("reference", REFERENCE), ".")

    @cached_property
    def application(self) -> Pattern:
        """From when it is in force, and for which years."""
        in_force = Slot("in_force", OneOf(Words({"promulgation": "its promulgation"}), DAY))
        years = Slot(
            "applies_to",
            OneOf(
                ObjectOf(Seq("of fiscal ", Slot("from_fiscal_year", YEAR), " to ", Slot("to_fiscal_year", YEAR), ".")),
                ObjectOf(Seq("from fiscal ", Slot("from_fiscal_year", YEAR), " on.")),
            ),
        )
        paid = Seq("What was paid under the earlier rule is a part payment.", Is(paid_before="part_payment"))
        return Seq(
            Either(
                Seq("This rule is in force from ", in_force, " and applies to the contributions ", years),
                Seq("This rule is in force from ", in_force, "."),
                Seq("This rule applies to the contributions ", years),
                Seq(),
            ),
            maybe(Lit(" ", ""), paid),
        )

    def stage(self, kind: str, *, subject: str, joined: bool) -> Pattern:
        """The pattern of a kind of stage; `subject` is what it is about."""
        key = (kind, subject, joined)
        if key not in self._stages:
            self._stages[key] = self._stage(kind, subject, joined)
        return self._stages[key]

    def _stage(self, kind: str, subject: str, joined: bool) -> Pattern:
        about = Lit(*dict.fromkeys((*([subject] if subject else []), *_SUBJECTS)))
        match kind:
            case "pool":
                return self._pool()
            case "deduct":
                return self._deduct(about)
            case "attribute":
                return self._attribute()
            case "operator":
                return self._operator(about)
            case "split":
                return self._split(about)
            case "limit":
                return self._limit()
            case "round":
                return self._round()
        return self._instalments()

    def _pool(self) -> Pattern:
        return Either(
            Seq("For the cost of ", Slot("cost_classes", ListOf(QUOTED, ", ")), ":"),
            Seq("For all costs:", Without("cost_classes")),
        )

    def _deduct(self, about: Pattern) -> Pattern:
        kinds = ListOf(Words({kind: label.en for kind, label in DEDUCTED.items()}), ", ")
        zero = maybe(" (not below zero)", Is(below_zero="zero"))
        return Seq("Deduct ", Slot("kinds", kinds), zero, " from ", about, ".")

    def _operator(self, about: Pattern) -> Pattern:
        ratio = by_year(RATIO)
        rest = mapped(ratio, complement, complement)
        return Either(
            Seq(
                "Of ",
                about,
                f" {WHO} bears ",
                Slot("ratio", ratio),
                " (cut below 1 yen).",
                Is(bears="ratio", odd_yen="members"),
            ),
            Seq(
                "Of ",
                about,
                " the members bear ",
                Slot("ratio", rest),
                f" (cut below 1 yen), {WHO} what is left.",
                Is(bears="ratio"),
                Without("odd_yen"),
            ),
            Seq("Of ", about, f" {WHO} bears the first ", Slot("yen", by_year(YEN)), ".", Is(bears="first_up_to")),
            Seq("All of ", about, f" is borne by {WHO}.", Is(bears="all")),
            Seq("Nothing of ", about, f" is borne by {WHO}.", Is(bears="none")),
        )

    def _attribute(self) -> Pattern:
        what = Slot("what", QUOTED)
        amounts = Seq(" (", Slot("to", PairsOf(self.member, YEN, separator=", ")), ")")
        figures = Seq(" (by the amounts ", Slot("basis", QUOTED), ")")
        back = Is(mode="take_out_and_put_back")
        charge = Without("mode")
        return Either(
            Seq("The cost of ", what, " is borne by ", Slot("to", self.member), ".", charge),
            Seq(
                "The cost of ",
                what,
                " is taken out before the split and put back to ",
                Slot("to", self.member),
                ".",
                back,
            ),
            *(
                choice
                for given in (amounts, figures)
                for choice in (
                    Seq("Of ", what, given, " each member bears its own.", charge),
                    Seq("Of ", what, given, " the total is taken out before the split and put back to each.", back),
                )
            ),
        )

    def _split(self, about: Pattern) -> Pattern:
        components = Slot("components", ListOf(ObjectOf(self.component), "; "))
        places = Slot("places", integer("[0-9]{1,2}"))
        printed = Seq(" (ratios rounded half up to ", places, " places)", Is(ratios_as_printed=True))
        table = Seq(
            "these ratios, of ",
            places,
            " places: ",
            Slot("ratios_as_printed", PairsOf(self.member, NUMBER, separator=", ")),
        )
        return Either(
            Seq("Share ", about, " by ", components, printed, "."),
            Seq("Share ", about, " by ", components, ".", Without("ratios_as_printed")),
            Seq("Share ", about, " by ", table, "."),
        )

    def _component(self) -> Pattern:
        bases: list[Pattern] = [
            Seq("equally", Is(basis="equal")),
            Seq(
                "equally by kind <",
                Slot(
                    "weights",
                    PairsOf(OneOf(Words({k: label.en for k, label in KINDS.items()}), QUOTED), NUMBER, separator=", "),
                ),
                ">",
                Is(basis="equal_by_kind"),
            ),
            Seq("by ratios agreed for the year", Is(basis="fixed"), Without("weights")),
            Seq(
                "by agreed ratios <",
                Slot("weights", PairsOf(self.member, NUMBER, separator=", ")),
                ">",
                Is(basis="fixed"),
            ),
            Seq("by the steps of stand-alone cost", Is(basis="alone", method="tiers")),
            Seq("by separable costs and remaining benefits", Is(basis="alone", method="scrb")),
        ]
        for basis, label in (STATISTICS | METRICS).items():
            bases.append(Seq(f"by {label.en}", Is(basis=basis)))
        bases.append(Seq("by ", Slot("basis", QUOTED)))
        ratio = Either(Seq("all of it", Is(ratio=1)), Slot("ratio", by_year(RATIO)))
        # The longest name first: “population aged 65 or over” begins as “population” does.
        ordered = [*bases[:6], *sorted(bases[6:-1], key=_first_word_length, reverse=True), bases[-1]]
        return Complete(Seq(ratio, " ", Either(*ordered), self._details()))

    def _details(self) -> Pattern:
        """What is said of a basis in brackets after it."""
        source = Slot("source", QUOTED)
        of_day = Either(
            Seq("of ", source, " as of ", Slot("at", AT), "."),
            Seq("as of ", Slot("at", AT), ".", Without("source")),
            Seq("newest of ", source, ".", Without("at")),
            Seq(Without("at", "source")),
        )
        years = ObjectOf(Slot("years", integer("[0-9]{1,2}")))
        span = ObjectOf(Seq(Slot("from", AT), " to ", Slot("to", AT)))
        of_window = Seq(
            Either(
                Seq(
                    "mean of the shares of the last ", Slot("at", years), " fiscal years.", Is(average="mean_of_shares")
                ),
                Seq("sum of the last ", Slot("at", years), " fiscal years.", Without("average")),
                Seq("mean of the shares of ", Slot("at", OneOf(_WINDOWS, span)), ".", Is(average="mean_of_shares")),
                Seq("in ", Slot("at", OneOf(_WINDOWS, span)), ".", Without("average")),
            ),
            maybe(" Source ", source, "."),
        )
        power = ObjectOf(
            Seq(
                Either(
                    Seq("Times ", Slot("doubling", NUMBER), " for each doubling"),
                    Seq("To the power of ", Slot("power", NUMBER)),
                ),
                maybe(" (", Slot("reference", NUMBER), " counts 1)"),
                ", to ",
                Either(Slot("places", integer("[0-9]{1,2}")), Seq(Without("places"), "12")),
                " places.",
            )
        )
        inclusion = OneOf(
            ObjectOf(Seq("Only those of the kind ", Slot("kinds", ListOf(_KIND, ", ")), ".")),
            ObjectOf(Seq("Only those that use ", Slot("users_of", QUOTED), ".")),
            ObjectOf(Seq("Only ", Slot("only", self.members), ".")),
            ObjectOf(Seq("Without ", Slot("except", self.members), ".")),
        )
        space = Lit(" ", "")
        inside = Seq(
            Most(of_window, of_day),
            maybe(space, Slot("power", power)),
            maybe(space, Slot("inclusion", inclusion)),
            maybe(space, Slot("factors", ObjectOf(self._factors()))),
            maybe(space, "Called ", Slot("name", QUOTED), "."),
        )
        return Either(
            Seq(Without("at", "source", "average", "power", "inclusion", "factors", "name")),
            Seq(" (", inside, ")"),
        )

    def _factors(self) -> Pattern:
        who = Either(Slot("members", self.members), Seq(Without("members"), "members"))
        part = Either(
            Seq("the months from the month of joining, over 12", Without("by")),
            Seq("the days from the day of joining, over those of the year", Is(by="days")),
            Seq("1", Is(by="year")),
        )
        bearer = Either(
            Seq(f"{WHO}", Is(borne_by="operator")),
            Seq("next year's cost", Is(borne_by="carry_over")),
            Seq(Slot("member", self.member), Is(borne_by="member")),
        )
        span = Either(Seq("month", Without("by")), Seq("day", Is(by="days")), Seq("whole year", Is(by="year")))
        waiver = ObjectOf(
            Seq(
                Either(
                    Seq("those of fiscal ", Slot("joined_fiscal_year", YEAR)),
                    Seq(Without("joined_fiscal_year"), "those of other years"),
                ),
                " owe ",
                Slot("factors", ListOf(NUMBER, " then ")),
            )
        )
        return Seq(
            "For ",
            who,
            Either(
                Seq(" that join within the year the weight is multiplied by ", part, ".", Is(joining="weight")),
                Seq(
                    " that join within the year the cost of each ",
                    span,
                    " is shared by those who take part in it.",
                    Is(joining="periods"),
                ),
                Seq(
                    " that join within the year the share is multiplied by ",
                    part,
                    "; the difference is borne by ",
                    bearer,
                    ".",
                    Is(joining="discount"),
                ),
            ),
            maybe(" The same until the day of leaving.", Is(leaving="until_leaving")),
            maybe(" Of their first years, ", Slot("waivers", ListOf(waiver, ", ")), "."),
        )

    def _limit(self) -> Pattern:
        on = Either(Seq(" (with what it bears directly)", Is(on="total")), Without("on"))
        heads = Seq(
            Either(
                *(
                    Seq(label.en, Is(basis=basis))
                    for basis, label in STATISTICS.items()
                    if basis not in ("statistic:population", "statistic:population_65plus")
                ),
                Seq("person", Without("basis")),
                Slot("basis", QUOTED),
            ),
            maybe(" as of ", Slot("at", AT)),
        )
        choices = []
        for form, after, measure in (
            (by_year(RATIO), Lit(" of last year's share"), "of_previous"),
            (by_year(_yen_or_number()), Seq(" per ", heads), "per_head"),
            (by_year(_yen_or_number()), Lit(""), "yen"),
        ):
            one: Form = OneOf(Bracketed(PairsOf(self.member, form, separator=", "), "<", ">"), form)
            floor, cap = Slot("floor", one), Slot("cap", one)
            choices += [
                Seq(" is at least ", floor, " and at most ", cap, after, Is(measure=measure)),
                Seq(" is at most ", cap, after, Is(measure=measure), Without("floor")),
                Seq(" is at least ", floor, after, Is(measure=measure), Without("cap")),
            ]
        excess = Either(
            Seq("the others by their uncapped shares.", Is(excess_to="others")),
            Seq(f"{WHO}.", Is(excess_to="operator")),
            Seq("next year's cost.", Is(excess_to="carry_over")),
            Seq(Slot("member", self.member), ".", Is(excess_to="member")),
        )
        return Seq("Each member's share", on, Either(*choices), "; the difference is borne by ", excess)

    def _round(self) -> Pattern:
        unit = Either(Slot("unit_yen", YEN), Seq(Without("unit_yen"), "1 yen"))
        bearer = Either(
            Seq(f"{WHO}.", Without("remainder_to")),
            Seq("the member with the largest share.", Is(remainder_to="largest")),
            Seq("next year's cost.", Is(remainder_to="carry_over")),
            Seq(Slot("member", self.member), ".", Is(remainder_to="member")),
        )
        left = "; what is left is borne by "
        return Either(
            Seq("Shares are cut below ", unit, left, bearer, Is(policy="floor_total")),
            Seq("Each component of a share is cut below ", unit, left, bearer, Is(policy="floor_each_component")),
            Seq("Shares are rounded half up to ", unit, left, bearer, Is(policy="round_half_up")),
            Seq(
                "Shares are cut below ",
                unit,
                "; one unit each goes to the largest remainders",
                left,
                bearer,
                Is(policy="largest_remainder"),
            ),
        )

    def _instalments(self) -> Pattern:
        unit = Either(Slot("unit_yen", YEN), Seq(Without("unit_yen"), "1 yen"))
        above = Either(
            Seq("A share above ", Slot("not_above_yen", YEN), " is paid"),
            Seq(Without("not_above_yen"), "Shares are paid"),
        )
        down, first = Without("round"), Without("odd_to")
        odd = Either(
            Seq("cut below ", unit, "; the first has the rest.", down, first),
            Seq("cut below ", unit, "; the last has the rest.", down, Is(odd_to="last")),
            Seq("rounded up to ", unit, "; the last has the rest.", Is(round="up", odd_to="last")),
            Seq("rounded up to ", unit, "; the first has the rest.", Is(round="up"), first),
        )
        closed = Either(
            Seq(" On a closed day it is the day before.", Is(when_closed="day_before")),
            Seq(" On a closed day it is the day after.", Is(when_closed="day_after")),
            Without("when_closed"),
        )
        return Seq(
            above,
            " in ",
            Slot("count", integer("[0-9]{1,2}")),
            " instalments, ",
            odd,
            maybe(" They are due on ", Slot("due", ListOf(MONTH_AND_DAY, ", ")), "."),
            closed,
        )


_KIND: Final[Form] = OneOf(Words({kind: label.en for kind, label in KINDS.items()}), QUOTED)


def _first_word_length(pattern: Pattern) -> int:
    first = pattern.parts[0] if isinstance(pattern, Seq) else None
    return len(first.words[0]) if isinstance(first, Lit) else 0


def _yen_or_number() -> Form:
    """400 yen, or a number that is no whole yen."""

    class _Yen:
        def write(self, value: Any) -> str | None:
            return YEN.write(value) or (f"{NUMBER.write(value)} yen" if NUMBER.write(value) else None)

        def read(self, text: str, at: int) -> Any:
            yield from YEN.read(text, at)
            for value, end in NUMBER.read(text, at):
                if type(value) is not int and text.startswith(" yen", end):
                    yield value, end + 4

    return _Yen()
