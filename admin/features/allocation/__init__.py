"""費用按分: the split of a fiscal year over the members."""
