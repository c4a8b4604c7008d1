"""Acceptances of the tenants (同意の状況): who of those asked has accepted a version of an agreement, and reminders.

Versions and acceptances themselves are governance's (`governance.agreements`). Not here: what a tenant without
acceptance may not do.
"""
