"""Fairness of a split: what cooperative games say of shared costs. Pure.

`game` holds what each group of members would pay alone, `shapley`, `separable` and `nucleolus` divide the cost of all,
`core` says who would pay less without the others, `reading` takes a game from JSON. Every figure is an exact fraction;
the linear program's solver only proposes where the answer is, fractions prove it.
"""
