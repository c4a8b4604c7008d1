"""The register of who takes part (参加団体台帳) at the end of a month, for the prefecture's files."""
