"""What a version of an agreement changes in the text of the one before, line by line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

_CONTEXT: Final = 1
"""Lines of unchanged text around a change."""


class LineKind(StrEnum):
    """What happened to a line; `GAP` stands for unchanged lines that are left out."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A line of the comparison."""

    kind: LineKind
    text: str = ""


def text_changes(before: str, after: str) -> list[ChangedLine]:
    """The lines removed and added, with a line of what surrounds them; empty for texts of the same lines."""
    old, new = before.splitlines(), after.splitlines()
    found: list[ChangedLine] = []
    end = 0
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        if group[0][1] > end:
            found.append(ChangedLine(LineKind.GAP))
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                found += [ChangedLine(LineKind.KEPT, line) for line in old[old_start:old_end]]
            else:
                found += [ChangedLine(LineKind.REMOVED, line) for line in old[old_start:old_end]]
                found += [ChangedLine(LineKind.ADDED, line) for line in new[new_start:new_end]]
            end = old_end
    if found and end < len(old):
        found.append(ChangedLine(LineKind.GAP))
    return found
