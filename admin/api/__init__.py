"""The REST API `/api/v1`: the same capabilities as console and command line, for other systems and for scripts.

A read is a query of a room, turned into JSON; a change is a body turned into an order and handed to a command. What is
asked in a strange form is refused here; what the trade refuses, the command refuses. No rule of the trade and no SQL
belongs in this room, and no cookie is known to it.
"""
