"""The mails that Moyai has sent or tried to send: what about, to whom, when, and what became of each.

Their text is not kept. What is written in them is in `admin.workflows`.
"""
