"""Access reviews (権限の棚卸し): once a year a tenant says of each person and system whether access goes on.

Here: the list as of a day, the decision on each line, the owner's signature that carries the decisions out, reminders.
Not here: roles and people themselves (`tenancy.people`), whose commands' functions do what a signature withdraws.
"""
