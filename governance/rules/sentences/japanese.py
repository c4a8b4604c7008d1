"""A rule's sentences in Japanese, in the words of published rules (規約・条例の用例).

Each stage has one pattern; what stands around it (経費は、その残額は、…) follows from its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from governance.kernel.era import ERAS, era_of
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
    integer,
    mapped,
    member_form,
    name_form,
    plain,
    yearly,
)
from governance.rules.sentences.words import DEDUCTED, KINDS, METRICS, SHORT_METRICS, STATISTICS

STOPS: Final = "、。（）〔〕 　"
NAME: Final = name_form(STOPS, forbidden="の経費|による|割|の直前|現在の|^数値$")
WHO: Final = "県"


def _fraction(found: re.Match[str]) -> int | str | None:
    below, above = int(found[1].replace(",", "")), int(found[2].replace(",", ""))
    return plain(Fraction(above, below)) if below else None


def _percent(found: re.Match[str]) -> int | str:
    return plain(Fraction(found[1]) / 100)


def _reduced(value: Any) -> str | None:
    exact = Fraction(value)
    return f"{exact.denominator}分の{exact.numerator}"


def _of_hundred(value: Any) -> str | None:
    exact = Fraction(value) * 100
    return f"100分の{exact.numerator}" if exact.denominator == 1 else _reduced(value)


_OF: Final = r"([0-9]{1,60})分の([0-9]{1,60})"
_PERCENT: Final = Match(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)[%％]", lambda value: None, _percent)
HUNDREDTHS: Final[Form] = OneOf(Match(_OF, _of_hundred, _fraction), _PERCENT)
"""A ratio as 100分の90, else 3分の1; ％ is read."""
REDUCED: Final[Form] = OneOf(Match(_OF, _reduced, _fraction), _PERCENT)
"""A ratio as 2分の1."""
YEN: Final = amount("円")


def _era_year(year: int) -> str:
    era = era_of(date(year, 12, 31))
    return f"{era.name}{era.year_of(year)}年度"


def _fiscal_year(found: re.Match[str]) -> int | None:
    era = next((one for one in ERAS if one.name == found[1]), None)
    if era is None:
        return int(found[2]) if found[1] == "" else None
    number = 1 if found[2] == "元" else int(found[2])
    year = era.first_day.year + number - 1
    return year if era_of(date(year, 12, 31)) is era else None


YEAR: Final[Form] = Match(
    r"(令和|平成|昭和|)(元|[0-9]{1,4})年度",
    lambda value: _era_year(value) if type(value) is int else None,
    _fiscal_year,
)
"""A fiscal year: 令和8年度; 2026年度 is read."""


def _era_day(value: Any) -> str | None:
    try:
        day = date.fromisoformat(value)
        era = era_of(day)
    except ValueError:
        return None
    return f"{era.name}{era.year_of(day.year)}年{day.month}月{day.day}日"


def _day(found: re.Match[str]) -> str | None:
    era = next(one for one in ERAS if one.name == found[1])
    year = era.first_day.year + (1 if found[2] == "元" else int(found[2])) - 1
    try:
        day = date(year, int(found[3]), int(found[4]))
        return day.isoformat() if era_of(day) is era else None
    except ValueError:
        return None


DAY: Final[Form] = Match(r"(令和|平成|昭和|大正|明治)(元|[0-9]{1,2})年([0-9]{1,2})月([0-9]{1,2})日", _era_day, _day)


def _yearly_day(value: Any) -> str | None:
    found = re.fullmatch(r"(year|previous)-([0-9]{2})-([0-9]{2})", str(value))
    if found is None:
        return None
    return f"{'前年' if found[1] == 'previous' else 'その年度'}の{int(found[2])}月{int(found[3])}日"


AT: Final[Form] = OneOf(
    DAY,
    Match(
        r"(前年|その年度|当該年度)の([0-9]{1,2})月([0-9]{1,2})日",
        _yearly_day,
        lambda found: f"{'previous' if found[1] == '前年' else 'year'}-{int(found[2]):02}-{int(found[3]):02}",
    ),
)
MONTH_AND_DAY: Final[Form] = Match(
    r"([0-9]{1,2})月([0-9]{1,2})日",
    lambda value: f"{int(value[:2])}月{int(value[3:])}日",
    lambda found: f"{int(found[1]):02}-{int(found[2]):02}",
)
REFERENCE: Final[Form] = ObjectOf(
    Seq(
        "《",
        Slot("title", QUOTED),
        maybe("第", Slot("article", QUOTED)),
        maybe("（", Slot("url", QUOTED), "）"),
        maybe("公布", Slot("published_on", QUOTED)),
        "》",
    )
)


def by_year(form: Form) -> Form:
    """A value, or 〔令和8年度から100分の10、令和10年度から100分の20〕."""

    def entries(of: Form) -> Form:
        entry = ObjectOf(
            Seq(Slot("from_fiscal_year", YEAR), "から", Slot("value", of), maybe(Slot("reference", REFERENCE)))
        )
        return Bracketed(ListOf(entry, "、"), "〔", "〕")

    return yearly(form, entries)


_WINDOWS: Final = Words(
    {
        "previous_fiscal_year": "前年度",
        "fiscal_year": "当該年度",
        "previous_calendar_year": "前年の1月から12月まで",
        "calendar_year": "当該年の1月から12月まで",
    }
)
_SUBJECTS: Final = ("経費", "残額", "その残額", "その他の経費")


class Japanese:
    """The patterns of the stages, for members of these names (by code)."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.member: Form = member_form(names)
        self._stages: dict[tuple[str, str, bool], Pattern] = {}
        self.members = ListOf(self.member, "、")
        self.component = self._component()
        self.title = Seq("題名", Slot("ja", QUOTED), maybe("（英語", Slot("en", QUOTED), "）"), "。")

    # -- the head and the end --

    @cached_property
    def heading(self) -> Pattern:
        """What a stage is called where it has not its usual id, and where it stands in writing."""
        return Seq(
            "〔",
            maybe("段階", Slot("id", QUOTED)),
            maybe("名称", Slot("name", QUOTED)),
            maybe("根拠", Slot("reference", REFERENCE)),
            maybe("備考", Slot("note", QUOTED)),
            "〕",
        )

    @cached_property
    def rule_reference(self) -> Pattern:
        return Seq("根拠", Slot("reference", REFERENCE), "。")

    @cached_property
    def application(self) -> Pattern:
        """附則: from when it is in force, and for which years."""
        in_force = Slot("in_force", OneOf(Words({"promulgation": "公布の日"}), DAY))
        years = Slot(
            "applies_to",
            OneOf(
                ObjectOf(
                    Seq(
                        Slot("from_fiscal_year", YEAR),
                        "分から",
                        Slot("to_fiscal_year", YEAR),
                        "分までの負担金に適用する。",
                    )
                ),
                ObjectOf(Seq(Slot("from_fiscal_year", YEAR), "分の負担金から適用する。")),
            ),
        )
        paid = Seq("改正前に納付された負担金は、改正後の負担金の内払とみなす。", Is(paid_before="part_payment"))
        return Seq(
            Either(
                Seq("この規則は、", in_force, "から施行し、", years),
                Seq("この規則は、", in_force, "から施行する。"),
                Seq("この規則は、", years),
                Seq(),
            ),
            maybe(paid),
        )

    # -- stages --

    def stage(self, kind: str, *, subject: str, joined: bool) -> Pattern:
        """The pattern of a kind of stage; `subject` is what it is about, `joined` whether the next one goes on."""
        key = (kind, subject, joined)
        if key not in self._stages:
            self._stages[key] = self._stage(kind, subject, joined)
        return self._stages[key]

    def _stage(self, kind: str, subject: str, joined: bool) -> Pattern:
        about = Lit(*dict.fromkeys((*([subject] if subject else []), *_SUBJECTS, "利用団体が負担する額")))
        match kind:
            case "pool":
                return self._pool()
            case "deduct":
                return self._deduct(about, joined)
            case "attribute":
                return self._attribute(about)
            case "operator":
                return self._operator(about)
            case "split":
                return self._split(about, joined)
            case "limit":
                return self._limit()
            case "round":
                return self._round()
        return self._instalments()

    def _pool(self) -> Pattern:
        return Either(
            Seq(Slot("cost_classes", ListOf(QUOTED, "、")), "の経費について、"),
            Seq(Without("cost_classes"), "すべての経費について、"),
        )

    def _deduct(self, about: Pattern, joined: bool) -> Pattern:
        kinds = ListOf(Words({kind: label.ja for kind, label in DEDUCTED.items()}), "、")
        end = Lit("し、", "する。") if joined else Lit("する。", "し、")
        zero = maybe("（負数となるときは、零とする。）", Is(below_zero="zero"))
        return Seq(about, "から", Slot("kinds", kinds), "を控除", zero, end)

    def _operator(self, about: Pattern) -> Pattern:
        ratio = by_year(REDUCED)
        rest = mapped(ratio, complement, complement)
        cut = "に相当する額（1円未満は切り捨てる。）を"
        return Either(
            Seq(about, "の", Slot("ratio", ratio), cut, f"{WHO}が負担する。", Is(bears="ratio", odd_yen="members")),
            Seq(
                about,
                "の",
                Slot("ratio", rest),
                cut,
                f"利用団体が負担し、残額を{WHO}が負担する。",
                Is(bears="ratio"),
                Without("odd_yen"),
            ),
            Seq(about, "のうち", Slot("yen", by_year(YEN)), f"までを{WHO}が負担する。", Is(bears="first_up_to")),
            Seq(about, f"は、{WHO}が負担する。", Is(bears="all")),
            Seq(about, f"について、{WHO}は負担しない。", Is(bears="none")),
        )

    def _attribute(self, about: Pattern) -> Pattern:
        what = Slot("what", name_form(STOPS, forbidden="の経費"))
        quoted = Slot("what", QUOTED)
        amounts = Seq("（", Slot("to", PairsOf(self.member, YEN)), "）")
        figures = Seq("（", Slot("basis", QUOTED), "の額による。）")
        back = Is(mode="take_out_and_put_back")
        charge = Without("mode")
        return Either(
            Seq(what, "の経費は、", Lit("これを利用する", ""), Slot("to", self.member), "が負担する。", charge),
            Seq(
                what,
                "の経費の総額を控除して按分し、これにより得た額に",
                Slot("to", self.member),
                "のその額を加算する。",
                back,
            ),
            *(
                choice
                for given in (amounts, figures)
                for choice in (
                    Seq(quoted, given, "は、各団体が負担する。", charge),
                    Seq(quoted, given, "の総額を控除して按分し、これにより得た額に各団体のその額を加算する。", back),
                )
            ),
        )

    def _split(self, about: Pattern, joined: bool) -> Pattern:
        together = "により按分して得た額の合計額とし、"
        end = Lit(together, "により按分する。") if joined else Lit("により按分する。", together)
        one_usage = self._one_usage()
        components = Slot("components", ListOf(ObjectOf(self.component), "、"))
        printed = Seq(
            "（割合は、小数点以下",
            Slot("places", integer("[0-9]{1,2}")),
            "位未満を四捨五入した数による。）",
            Is(ratios_as_printed=True),
        )
        table = Seq(
            "次の割合（小数点以下",
            Slot("places", integer("[0-9]{1,2}")),
            "位まで。",
            Slot("ratios_as_printed", PairsOf(self.member, NUMBER)),
            "）",
        )
        return Either(
            Seq(about, "は、", one_usage),
            Seq(about, "は、", components, printed, end),
            Seq(about, "は、", components, end, Without("ratios_as_printed")),
            Seq(about, "は、", table, end),
        )

    def _one_usage(self) -> Pattern:
        """Everything by one metric: API利用回数の直前3か年の合計により按分する, with its joiners' sentence after it."""
        choices = []
        for basis, label in METRICS.items():
            word = SHORT_METRICS.get(basis, label).ja
            years = ObjectOf(Slot("years", integer("[0-9]{1,2}")))
            head = Seq(
                label.ja,
                "の直前",
                Slot("at", years),
                "か年の合計により按分する。",
                Is(ratio=1, basis=basis),
                Without("average", "name", "inclusion", "source", "power"),
            )
            one = Seq(head, maybe(Slot("factors", ObjectOf(self._factors(word)))))
            choices.append(Slot("components", _Single(ObjectOf(Complete(one)))))
        return Seq(Either(*choices), Without("ratios_as_printed"))

    # -- components --

    def _component(self) -> Pattern:
        ratio = Either(Seq(Lit("全額を"), Is(ratio=1)), Seq(Slot("ratio", by_year(HUNDREDTHS)), "を"))
        bases: list[Pattern] = [
            Seq("均等割", Is(basis="equal")),
            Seq("均等割（", Slot("weights", _KindWeights()), "）", Is(basis="equal_by_kind")),
            Seq("固定割（", Slot("weights", PairsOf(self.member, NUMBER)), "）", Is(basis="fixed")),
            Seq("協議で定めた割合", Is(basis="fixed"), Without("weights")),
            Seq("単独費用割（段階ごとに、これを必要とする団体で等分する。）", Is(basis="alone", method="tiers")),
            Seq("単独費用割（分離費用身替り妥当支出法による。）", Is(basis="alone", method="scrb")),
        ]
        for basis, label in (STATISTICS | METRICS).items():
            bases.append(Seq(f"{label.ja}割", Is(basis=basis)))
        bases.append(Seq(Slot("basis", QUOTED), "割"))
        return Complete(Seq(ratio, Either(*bases), self._details()))

    def _details(self) -> Pattern:
        """What is said of a basis in brackets after it: when and whence, over which time, for whom, part years."""
        source = Slot("source", NAME)
        of_day = Either(
            Seq(Slot("at", AT), "現在の数値による。", Without("source")),
            Seq(Slot("at", AT), "現在の", source, "による。"),
            Seq("最新の", source, "による。", Without("at")),
            Seq(Without("at", "source")),
        )
        years = ObjectOf(Slot("years", integer("[0-9]{1,2}")))
        span = ObjectOf(Seq(Slot("from", AT), "から", Slot("to", AT), "まで"))
        of_window = Seq(
            Either(
                Seq("直前", Slot("at", years), "か年の各年の割合の平均による。", Is(average="mean_of_shares")),
                Seq("直前", Slot("at", years), "か年の合計による。", Without("average")),
                Seq(Slot("at", OneOf(_WINDOWS, span)), "の実績の割合の平均による。", Is(average="mean_of_shares")),
                Seq(Slot("at", OneOf(_WINDOWS, span)), "の実績による。", Without("average")),
            ),
            maybe("資料は", source, "とする。"),
        )
        power = ObjectOf(
            Seq(
                Either(
                    Seq("基準値が2倍になるごとに", Slot("doubling", NUMBER), "倍"),
                    Seq("基準値の", Slot("power", NUMBER), "乗"),
                ),
                maybe("（", Slot("reference", NUMBER), "を1とする。）"),
                "とし、小数点以下",
                Either(Slot("places", integer("[0-9]{1,2}")), Seq(Without("places"), "12")),
                "位までの数による。",
            )
        )
        inclusion = OneOf(
            ObjectOf(Seq("種別が", Slot("kinds", ListOf(_KIND, "、")), "の団体に限る。")),
            ObjectOf(Seq(Slot("users_of", QUOTED), "を利用する団体に限る。")),
            ObjectOf(Seq(Slot("only", self.members), "に限る。")),
            ObjectOf(Seq(Slot("except", self.members), "を除く。")),
        )
        inside = Seq(
            Most(of_window, of_day),
            maybe(Slot("power", power)),
            maybe(Slot("inclusion", inclusion)),
            maybe(Slot("factors", ObjectOf(self._factors("基準値")))),
            maybe("名称は", Slot("name", QUOTED), "とする。"),
        )
        return Either(
            Seq(Without("at", "source", "average", "power", "inclusion", "factors", "name"), Lit("")),
            Seq("（", inside, "）"),
        )

    def _factors(self, word: str) -> Pattern:
        """How members count that join or leave within the year, and what is waived of first years."""
        who = Either(Slot("members", self.members), Seq(Without("members"), "団体"))
        months = Seq("加入の日の属する月以後の月数を12で除した数", Without("by"))
        days = Seq("加入の日以後の日数を当該年度の日数で除した数", Is(by="days"))
        year = Seq("1", Is(by="year"))
        part = Either(months, days, year)
        bearer = Either(
            Seq(f"{WHO}が負担する。", Is(borne_by="operator")),
            Seq("次年度に繰り越す。", Is(borne_by="carry_over")),
            Seq(Slot("member", self.member), "が負担する。", Is(borne_by="member")),
        )
        span = Either(
            Seq("月ごとに", Without("by")), Seq("日ごとに", Is(by="days")), Seq("年度を通じて", Is(by="year"))
        )
        waiver = ObjectOf(
            Seq(
                Either(
                    Seq(Slot("joined_fiscal_year", YEAR), "に加入した団体は"),
                    Seq(Without("joined_fiscal_year"), "その他の年度に加入した団体は"),
                ),
                "加入の年度から順に",
                Slot("factors", ListOf(NUMBER, "・")),
                "を乗じる",
            )
        )
        joiners = Seq("年度の中途に加入した", who, "の")
        return Seq(
            Either(
                Seq(joiners, f"{word}は、", part, "を乗じて得た数とする。", Is(joining="weight")),
                Seq(
                    joiners, "負担額は、加入後の期間に係る経費を", span, "按分して得た額とする。", Is(joining="periods")
                ),
                Seq(joiners, "負担額は、", part, "を乗じて得た額とし、減じた額は", bearer, Is(joining="discount")),
            ),
            maybe("年度の中途に脱退した団体も、脱退の日までについて同様とする。", Is(leaving="until_leaving")),
            maybe(Slot("waivers", ListOf(waiver, "、")), "。"),
        )

    # -- limits and yen --

    def _limit(self) -> Pattern:
        on = Either(Seq("（直接負担する額を含む。）", Is(on="total")), Without("on"))
        heads = Seq(
            Either(
                *(
                    Seq(label.ja, Is(basis=basis))
                    for basis, label in STATISTICS.items()
                    if basis != "statistic:population"
                ),
                Seq("人口", Without("basis")),
                Seq("人口値", Is(basis="statistic:population")),
                Slot("basis", QUOTED),
            ),
            maybe("（", Slot("at", AT), "現在）"),
        )
        number = by_year(NUMBER)
        ratio = by_year(HUNDREDTHS)
        choices = []
        for before, form, after, measure in (
            (Seq("前年度の負担額の"), ratio, "", "of_previous"),
            (Seq(heads, "1当たり"), number, "円", "per_head"),
            (Seq(), by_year(_YenOrNumber()), "", "yen"),
        ):
            one: Form = OneOf(
                Bracketed(PairsOf(self.member, form), "次に掲げる額（", "）")
                if measure != "of_previous"
                else Bracketed(PairsOf(self.member, form), "次に掲げる割合（", "）"),
                form,
            )
            floor, cap = Slot("floor", one), Slot("cap", one)
            choices.append(
                Seq(
                    before,
                    Either(
                        Seq(floor, f"{after}を下限、", before, cap, f"{after}を限度とし、"),
                        Seq(cap, f"{after}を限度とし、", Without("floor")),
                        Seq(floor, f"{after}を下限とし、", Without("cap")),
                    ),
                    Is(measure=measure),
                )
            )
        excess = Either(
            Seq("他の団体が按分前の割合に応じて負担する。", Is(excess_to="others")),
            Seq(f"{WHO}が負担する。", Is(excess_to="operator")),
            Seq("次年度に繰り越す。", Is(excess_to="carry_over")),
            Seq(Slot("member", self.member), "が負担する。", Is(excess_to="member")),
        )
        over = Either(Seq("限度を超える額は", Without("floor")), Lit("これにより生ずる差額は", "限度を超える額は"))
        return Seq("ただし、各団体の負担額", on, "は", Either(*choices), over, excess)

    def _round(self) -> Pattern:
        unit = Either(Slot("unit_yen", YEN), Seq(Without("unit_yen"), "1円"))
        cut = Seq(unit, "未満の端数は切り捨て、")
        bearer = Either(
            Seq("負担額の最も大きい団体が負担する。", Is(remainder_to="largest")),
            Seq("次年度に繰り越す。", Is(remainder_to="carry_over")),
            Seq(Slot("member", self.member), "が負担する。", Is(remainder_to="member")),
        )
        to_operator = Without("remainder_to")
        more = Either(
            Seq("ずつ加算する。", to_operator),
            Seq("ずつ加算し、なお残る額は", bearer),
        )
        return Either(
            Seq(cut, "切り捨てた額の合計は", f"{WHO}が負担する。", to_operator, Is(policy="floor_total")),
            Seq(cut, "残額は端数の大きい団体から順に", unit, more, Is(policy="largest_remainder")),
            Seq(cut, "残額は", bearer, Is(policy="floor_total")),
            Seq(
                "按分基準ごとに",
                cut,
                "切り捨てた額の合計は",
                f"{WHO}が負担する。",
                to_operator,
                Is(policy="floor_each_component"),
            ),
            Seq("按分基準ごとに", cut, "残額は", bearer, Is(policy="floor_each_component")),
            Seq(unit, "未満の端数は四捨五入し、差額は", f"{WHO}が負担する。", to_operator, Is(policy="round_half_up")),
            Seq(unit, "未満の端数は四捨五入し、差額は", bearer, Is(policy="round_half_up")),
        )

    def _instalments(self) -> Pattern:
        unit = Either(Slot("unit_yen", YEN), Seq(Without("unit_yen"), "1円"))
        above = Either(
            Seq("年額が", Slot("not_above_yen", YEN), "を超える負担金は"), Seq(Without("not_above_yen"), "負担金は")
        )
        down, first = Without("round"), Without("odd_to")
        odd = Either(
            Seq("第1期に合算する。", down, first),
            Seq("最終期に合算する。", down, Is(odd_to="last")),
            Seq("切り上げ、最終期で調整する。", Is(round="up", odd_to="last")),
            Seq("切り上げ、第1期で調整する。", Is(round="up"), first),
        )
        closed = Either(
            Seq("納期限が休日に当たるときは、その直前の日とする。", Is(when_closed="day_before")),
            Seq("納期限が休日に当たるときは、その直後の日とする。", Is(when_closed="day_after")),
            Without("when_closed"),
        )
        return Seq(
            above,
            Slot("count", integer("[0-9]{1,2}")),
            "期に分割し、",
            unit,
            "未満の端数は",
            odd,
            maybe("納期限は", Slot("due", ListOf(MONTH_AND_DAY, "、")), "とする。"),
            closed,
        )


class _Single:
    """A list of one."""

    def __init__(self, form: Form) -> None:
        self.form = form

    def write(self, value: Any) -> str | None:
        return self.form.write(value[0]) if isinstance(value, list) and len(value) == 1 else None

    def read(self, text: str, at: int) -> Any:
        for value, end in self.form.read(text, at):
            yield [value], end


_KIND: Final[Form] = OneOf(Words({kind: label.ja for kind, label in KINDS.items()}), QUOTED)


class _KindWeights:
    """Weights by kind: 市 100、町村 50; a town and a village of one weight are 町村."""

    def __init__(self) -> None:
        key: Form = OneOf(Words({"town_and_village": "町村"} | {k: label.ja for k, label in KINDS.items()}), QUOTED)
        self.pairs = PairsOf(key, NUMBER)

    def write(self, value: Any) -> str | None:
        if isinstance(value, dict) and "town" in value and value.get("town") == value.get("village"):
            value = {kind: weight for kind, weight in value.items() if kind not in ("town", "village")} | {
                "town_and_village": value["town"]
            }
        return self.pairs.write(value)

    def read(self, text: str, at: int) -> Any:
        for found, end in self.pairs.read(text, at):
            if "town_and_village" in found:
                both = found.pop("town_and_village")
                found |= {"town": both, "village": both}
            yield found, end


class _YenOrNumber:
    """Yen of a limit: 400円, or a number that is no whole yen."""

    def write(self, value: Any) -> str | None:
        return YEN.write(value) or (f"{NUMBER.write(value)}円" if NUMBER.write(value) else None)

    def read(self, text: str, at: int) -> Any:
        yield from YEN.read(text, at)
        for value, end in NUMBER.read(text, at):
            if type(value) is not int and text.startswith("円", end):
                yield value, end + 1
