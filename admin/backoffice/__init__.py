"""The operator's back office: read-only lists and details of the tables, under Flask-Admin.

Operators only. No address writes a row; the buttons call commands, as every entry point does. Pages for everyday work
belong in admin/features.
"""
