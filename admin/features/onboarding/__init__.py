"""参加手続: the steps that bring a tenant in."""
