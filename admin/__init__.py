"""The entry points: console, API, command line, back office, jobs, and the servers behind them.

An entry point identifies its caller, builds a command and executes it; it decides nothing itself. Nobody imports
this package.
"""
