"""Long runs that a reviewer starts once; `make soak` runs them and prints the figures."""
