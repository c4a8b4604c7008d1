"""Rules (負担金算定規程): what the participants agreed on, as data with versions.

A version comes into force by a decision of the council (協議会議決); from then on only its end may move, and the
database says so. A rule is read here and applied elsewhere: who the members are and what anything costs is not known
in this package.
"""
