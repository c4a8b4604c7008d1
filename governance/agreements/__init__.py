"""Agreements (協定): which text, in which version, and who accepted it for whom.

A version and an acceptance are written once and never changed. Not here: what a tenant without acceptance may not do;
tenancy decides that, and the database holds it to the one rule that matters (no acceptance, not active).
"""
