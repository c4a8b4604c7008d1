"""Costs (経費): what the platform costs in a fiscal year, item by item, in pools that name the rule they are shared by.

What was recorded stays; an error is withdrawn with its reason and recorded anew. Who bears what is decided in
`billing.runs`.
"""
