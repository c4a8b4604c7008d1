"""権限の棚卸し: the reviews of who has access, each to be decided line by line and signed by an owner."""
