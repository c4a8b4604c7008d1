"""What differs between two rules: changes by stage and field, and the sentences side by side (新旧対照表).

Pure. Stages are matched by their ids, which stay through versions; numbers are compared as numbers, so that 0.1 and
10/100 are one. The words come from the same data as the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.kernel.errors import Language
from governance.kernel.models import ReadModel
from governance.rules.sentences import render_head, render_stages
from governance.rules.stages import StagedRule
from governance.rules.states import StageChangeKind, StageKind


class FieldChange(ReadModel):
    """One field, as `components[0].ratio`, with its values; null where it is not there."""

    field: str
    before: Any
    after: Any


class StageChange(ReadModel):
    """What became of one stage: its fields, and its sentences.

    `id` is empty and `stage` null for the head of the rule (title, years, …).
    """

    id: str
    stage: StageKind | None
    kind: StageChangeKind
    fields: tuple[FieldChange, ...]
    sentence_before: str | None
    sentence_after: str | None


class RuleComparison(ReadModel):
    """The changes from one rule to another, in the order of the later one; none where they say the same."""

    digest_before: str
    digest_after: str
    changes: tuple[StageChange, ...]


def compare_rules(
    before: StagedRule, after: StagedRule, language: Language, names: Mapping[str, str] | None = None
) -> RuleComparison:
    """What changed from one rule to another, with the sentences in one language."""
    earlier, later = before.canonical(), after.canonical()
    sentences = render_stages(before, language, names), render_stages(after, language, names)
    changes = []
    head = tuple(_changes({**earlier, "stages": None}, {**later, "stages": None}, ""))
    if head:
        words = render_head(before, language, names), render_head(after, language, names)
        changes.append(
            StageChange(
                id="",
                stage=None,
                kind=StageChangeKind.CHANGED,
                fields=head,
                sentence_before=words[0],
                sentence_after=words[1],
            )
        )
    old = {stage["id"]: stage for stage in earlier["stages"]}
    new = {stage["id"]: stage for stage in later["stages"]}
    kept = [id for id in new if id in old]
    in_old_order = [id for id in old if id in new]
    for id, stage in new.items():
        fields = tuple(_changes(old.get(id, {}), stage, "")) if id in old else ()
        kind = StageChangeKind.ADDED if id not in old else StageChangeKind.CHANGED
        if id in old and not fields:
            if kept.index(id) == in_old_order.index(id):
                continue
            kind = StageChangeKind.MOVED
        changes.append(
            StageChange(
                id=id,
                stage=StageKind(stage["stage"]),
                kind=kind,
                fields=fields,
                sentence_before=sentences[0].get(id),
                sentence_after=sentences[1][id],
            )
        )
    changes += [
        StageChange(
            id=id,
            stage=StageKind(stage["stage"]),
            kind=StageChangeKind.REMOVED,
            fields=(),
            sentence_before=sentences[0][id],
            sentence_after=None,
        )
        for id, stage in old.items()
        if id not in new
    ]
    return RuleComparison(digest_before=before.digest, digest_after=after.digest, changes=tuple(changes))


def _changes(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _changes(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, pair in enumerate(zip(before, after, strict=True)):
            yield from _changes(*pair, f"{path}[{place}]")
    else:
        yield FieldChange(field=path, before=before, after=after)
