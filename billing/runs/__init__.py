"""Runs (費用按分の実施): a fiscal year's split, previewed, approved by another person, posted.

`inputs` reads the named versions of everything a split rests on, `preview` decides over them (pure), `commands`
stores, approves and posts. The arithmetic itself is in `billing.allocation`, which knows no database.
"""
