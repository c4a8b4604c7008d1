"""What every request passes: request checks, language, headers, errors, the guard, CSRF, health; and the logs."""
