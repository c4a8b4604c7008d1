"""The schema's history, from empty. Numbered, short, one file per room until the first release.

Run by the owner role only; the application's role owns nothing and gets its rights here, table by table.
"""
