"""参加団体台帳: who takes part at the end of a month, as a page and as files."""
