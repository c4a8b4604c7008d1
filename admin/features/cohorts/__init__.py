"""参加期: who joins together, and the plan of it."""
