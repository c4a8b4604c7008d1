"""The house itself under test: arrows, tables, doors and words. What fails here fails for every later room too."""
