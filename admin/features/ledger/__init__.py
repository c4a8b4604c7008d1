"""元帳: books, entries, periods."""
