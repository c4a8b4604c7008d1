"""The books: double entry, append-only, one book for each tenant, zero-sum by the database's own refusal.

An entry is of one book; its lines are debits (positive) and credits (negative) in whole yen that add up to nothing.
Nothing is edited: a mistake is a reversal that names what it reverses. Not here: why something is posted and how much
(allocation), and how it is shown (admin).
"""
