"""The example: real municipalities and census figures, everything else invented. 例示データ.

Who really takes part, and what anyone really pays, is not published and not here. Refused where MOYAI_EXAMPLE is 0.
"""
