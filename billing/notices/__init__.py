"""Notices (納入通知書): what a municipality is asked to pay for a posted run, by when, and how the amount came about.

A notice that was issued is never changed; the paper itself is kept beside the facts it was made of. How it looks is
decided in `billing.documents`.
"""
