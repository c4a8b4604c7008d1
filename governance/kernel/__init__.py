"""What every package shares: money, fiscal year, codes, clock, ids, refusals, the database session.

Nothing here knows a municipality, a cost or a request. What only one package needs belongs to that package.
"""
