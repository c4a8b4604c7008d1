"""Tests of the codebase itself: imports, tables, the command bus, vocabulary."""
