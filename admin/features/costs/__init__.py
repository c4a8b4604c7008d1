"""経費: what a fiscal year costs."""
