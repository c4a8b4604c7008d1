"""The schema's history, from empty. Numbered, short, one file per package until the first release.

Run as the owner role. The application's role owns nothing; each migration grants its rights table by table.
"""
