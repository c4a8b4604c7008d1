"""The doors: console, API, command line, back office, jobs, and the servers behind them.

A door reads its caller, builds an order and calls a command; it decides nothing itself. Nobody imports this package.
"""
