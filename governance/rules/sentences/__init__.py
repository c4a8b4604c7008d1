"""A rule as sentences: written from its data, and read back to the same rule.

`render` gives the Japanese or English of a rule, `parse` the rule of a text in either. Nothing is free text: what a
pattern does not know is refused with the place, and what a rule says is never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from governance.kernel.errors import Invalid, Language, message
from governance.kernel.models import ReadModel
from governance.kernel.yen import printable
from governance.rules.sentences.english import English
from governance.rules.sentences.japanese import Japanese
from governance.rules.sentences.patterns import Pattern, Slots
from governance.rules.stages import FORM, STAGE_TYPES, StagedRule, read_staged_rule
from governance.rules.states import StageKind, TextLanguage

MAX_TEXT: Final = 100_000
_HEADED: Final = ("id", "name", "reference", "note")

NOT_READ = message(
    "rule.sentence_not_read",
    ja="{line} 文字目からの文「{given}」を規程として読めません。",
    en="The sentence from character {line}, “{given}”, cannot be read as a rule.",
)
TOO_LONG = message(
    "rule.sentence_too_long",
    ja="文は {most} 文字以下にしてください。",
    en="The text may have at most {most} characters.",
)


class StageText(ReadModel):
    """One stage in words; the text is empty for a pool of all costs, which nothing needs to say."""

    id: str
    stage: StageKind
    name: str | None
    text: str


class RuleText(ReadModel):
    """A rule as sentences in one language, the whole and by stage. `rule_digest` names what it says."""

    language: TextLanguage
    text: str
    stages: tuple[StageText, ...]
    rule_digest: str


class JapaneseRule(Japanese):
    """Japanese, with what a stage is about."""

    between = ""

    def subject(self, stages: list[Slots], place: int) -> str:
        """経費 first, その他の経費 after an attribution, 利用団体が負担する額 after the prefecture's half."""
        before = stages[place - 1]["stage"] if place else "pool"
        if before == "attribute":
            return "その他の経費"
        if before == "operator" and stages[place]["stage"] == "split":
            bears = stages[place - 1]["bears"]
            is_half = bears == "ratio" and "odd_yen" not in stages[place - 1]
            return "利用団体が負担する額" if is_half else "その残額"
        return "経費" if before == "pool" else "残額"


class EnglishRule(English):
    """English, with what a stage is about."""

    between = " "

    def subject(self, stages: list[Slots], place: int) -> str:
        """The cost first, the rest afterwards."""
        before = stages[place - 1]["stage"] if place else "pool"
        return "the cost" if before == "pool" else "the rest"


Grammar = JapaneseRule | EnglishRule


def grammar(language: Language, names: Mapping[str, str] | None = None) -> Grammar:
    """The grammar of a language, with the names of the members by their codes."""
    return _grammar(language, tuple(sorted((names or {}).items())))


@lru_cache(maxsize=8)
def _grammar(language: Language, names: tuple[tuple[str, str], ...]) -> Grammar:
    return JapaneseRule(dict(names)) if language == "ja" else EnglishRule(dict(names))


def render(rule: StagedRule, language: Language, names: Mapping[str, str] | None = None) -> str:
    """The rule as sentences. `names` are the members' names by code; a code without one is written as it is."""
    body = rule.canonical()
    words = grammar(language, names)
    parts, end = _head_text(words, body)
    stages: list[Slots] = body["stages"]
    for place, stage in enumerate(stages):
        parts.extend(_stage_text(words, stages, place, stage))
    return words.between.join(part for part in (*parts, *end) if part)


def render_head(rule: StagedRule, language: Language, names: Mapping[str, str] | None = None) -> str:
    """What the sentences say before and after the stages: title, source, the years it applies to."""
    words = grammar(language, names)
    beginning, end = _head_text(words, rule.canonical())
    return words.between.join((*beginning, *end))


def render_stages(rule: StagedRule, language: Language, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """The sentences of each stage by its id; empty for a pool of all costs, which nothing needs to say."""
    words = grammar(language, names)
    stages: list[Slots] = rule.canonical()["stages"]
    return {
        stage["id"]: words.between.join(_stage_text(words, stages, place, stage)) for place, stage in enumerate(stages)
    }


def rule_text(rule: StagedRule, language: Language, names: Mapping[str, str] | None = None) -> RuleText:
    """The rule as sentences, the whole and by stage."""
    sentences = render_stages(rule, language, names)
    return RuleText(
        language=TextLanguage(language),
        text=render(rule, language, names),
        stages=tuple(
            StageText(id=stage.id, stage=StageKind(stage.stage), name=stage.name, text=sentences[stage.id])
            for stage in rule.stages
        ),
        rule_digest=rule.digest,
    )


def _head_text(words: Grammar, body: Slots) -> tuple[list[str], list[str]]:
    """What stands before the stages, and what stands after them."""
    beginning: list[str] = []
    if "title" in body:
        beginning.append(_written(words.title, body["title"]))
    if "reference" in body:
        beginning.append(_written(words.rule_reference, {"reference": body["reference"]}))
    tail: Slots = {key: body[key] for key in ("in_force", "applies_to", "paid_before") if key in body}
    return beginning, [_written(words.application, tail)] if tail else []


def _usual_id(stages: list[Slots], place: int) -> str:
    kind = stages[place]["stage"]
    return f"{kind}_{sum(1 for one in stages[: place + 1] if one['stage'] == kind)}"


def _stage_text(words: Grammar, stages: list[Slots], place: int, stage: Slots) -> list[str]:
    head: Slots = {key: stage[key] for key in _HEADED if key in stage}
    if head["id"] == _usual_id(stages, place):
        del head["id"]
    said = {key: value for key, value in stage.items() if key not in (*_HEADED, "stage")}
    if stage["stage"] == "pool" and not head and not said and place == 0:
        return []
    pattern = words.stage(stage["stage"], subject=words.subject(stages, place), joined=_is_joined(stages, place))
    text = _written(pattern, said)
    return [_written(words.heading, head), text] if head else [text]


def _is_joined(stages: list[Slots], place: int) -> bool:
    """Whether the next stage goes on in the same sentence: it has no heading, and nothing stands between."""
    if place + 1 == len(stages):
        return False
    following = stages[place + 1]
    plain = following["id"] == _usual_id(stages, place + 1) and not set(following) & {"name", "reference", "note"}
    pair = (stages[place]["stage"], following["stage"])
    return plain and pair in (("deduct", "operator"), ("split", "round"))


def _written(pattern: Pattern, slots: Slots) -> str:
    written = pattern.write(slots)
    if written is None or frozenset(slots) - written[1]:
        left = set(slots) - (written[1] if written else set())
        raise ArithmeticError(f"no sentence says {sorted(left)} of {slots}")
    return written[0]


def parse(text: str, language: Language, names: Mapping[str, str] | None = None) -> StagedRule:
    """The rule that sentences say. Raises Invalid where they are not such sentences, or say an impossible rule."""
    if len(text) > MAX_TEXT:
        raise Invalid(TOO_LONG, field="text", most=MAX_TEXT)
    body = _Reader(text, grammar(language, names)).read()
    return read_staged_rule(body)


class _Reader:
    """Reads a text from its beginning to its end, one sentence after the other."""

    def __init__(self, text: str, words: Grammar) -> None:
        self.text = text.strip()
        self.words = words
        self.at = 0
        self.stages: list[Slots] = []

    def read(self) -> Slots:
        body: Slots = {"form": FORM}
        if (title := self._take(self.words.title)) is not None:
            body["title"] = title
        if (reference := self._take(self.words.rule_reference)) is not None:
            body |= reference
        while self.at < len(self.text) and self._stage():
            pass
        if self.at < len(self.text) and (tail := self._take(self.words.application)) is not None:
            body |= tail
        if self.at < len(self.text):
            raise Invalid(NOT_READ, field="text", line=self.at + 1, given=printable(self.text[self.at : self.at + 60]))
        return body | {"stages": self.stages}

    def _take(self, pattern: Pattern) -> Slots | None:
        for found, end in pattern.read(self.text, self.at):
            if end > self.at:
                self.at = self._after_space(end)
                return found
        return None

    def _after_space(self, at: int) -> int:
        while at < len(self.text) and self.text[at] in " \n\r\t　":
            at += 1
        return at

    def _stage(self) -> bool:
        start = self.at
        head = self._take(self.words.heading) or {}
        for kind in STAGE_TYPES:
            pattern = self.words.stage(kind, subject="", joined=False)
            found = self._take(pattern)
            if found is not None:
                if kind != "pool" and not self.stages:
                    self.stages.append({"id": "pool_1", "stage": "pool"})
                self.stages.append({"stage": kind} | found | head)
                place = len(self.stages) - 1
                self.stages[place].setdefault("id", _usual_id(self.stages, place))
                return True
        self.at = start
        return False
