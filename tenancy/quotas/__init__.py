"""Quotas: how much of what a tenant may use, by plan or by a decision of its own, from which day.

NULL is unlimited, 0 is zero, an unknown dimension is refused. Values are superseded from a day on, never edited.
Not here: what was used (usage), and what it costs (billing).
"""
