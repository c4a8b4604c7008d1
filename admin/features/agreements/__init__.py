"""協定: the texts that tenants agree to, and their acceptances."""
