"""Notices (納入通知書): what a municipality is asked to pay for a posted run, by when, and how the amount came about.

An issued notice is never changed; its PDF is stored beside the content it was made of. `billing.documents` has the
layout.
"""
