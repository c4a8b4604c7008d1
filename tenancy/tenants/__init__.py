"""The tenants themselves: who they are, in which state, since when, and the dated figures known about them.

Not here: how a tenant is admitted (onboarding), and what it may use (quotas).
"""
