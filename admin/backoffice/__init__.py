"""The operator's back office: every table as it stands, to be read, under Flask-Admin.

Closed until the guard lets an operator in, and read-only always: it has no address that writes a row. Its buttons call
commands, as every other entry point does. No page for everyday work belongs here.
"""
