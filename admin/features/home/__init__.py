"""概要: the first page after signing in."""
