"""承認待ち: what waits for a decision."""
