"""納入通知書: notices of a posted run."""
