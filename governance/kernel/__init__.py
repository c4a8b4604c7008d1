"""Words that every room shares: money, fiscal year, codes, clock, ids, refusals, the database session.

Nothing here knows a municipality, a cost or a request. What only one room needs belongs to that room.
"""
