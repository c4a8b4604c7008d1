"""Cases drawn fast from a seed, for runs of a million; the shrinking kind is in `test_allocation_adds_up`."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from billing.allocation.input import MAX_TOTAL_YEN, AllocationInput, Component, Components, Deduction
from governance.kernel.split import Rounding

ROUNDINGS = tuple(Rounding)


def random_case(random: Random) -> AllocationInput:
    """Any case that can be shared: 1 to 21 members, 1 to 4 components, totals up to the bound."""
    members = [f"{432000 + place}" for place in range(random.randint(1, 21))]
    parts = [random.randint(1, 100) for _ in range(random.randint(1, 4))]
    components = []
    for place, part in enumerate(parts):
        most = random.choice((1, 3, 100, 800_000))
        divisor = random.choice((1, 1, 1, 3, 100))
        figures = {member: Fraction(random.randint(0, most), divisor) for member in members}
        figures[random.choice(members)] += 1
        components.append(Component(f"基準{place}", Fraction(part, sum(parts)), figures))
    total_yen = random.randint(1, random.choice((100, 10**6, 10**11, MAX_TOTAL_YEN)))
    return AllocationInput(
        total_yen=total_yen,
        unit_yen=random.choice((1, 1, 1, 7, 100, 1000)),
        rounding=random.choice(ROUNDINGS),
        components=Components(tuple(components)),
        operator_ratio=random.choice((Fraction(), Fraction(1, 2), Fraction(1, 3), Fraction(7, 9))),
        deductions=(Deduction("交付金", random.randint(0, total_yen)),) if random.random() < 0.3 else (),
    )
