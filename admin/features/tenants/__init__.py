"""参加団体: who takes part, and what is known of them."""
