"""お知らせ: what the operator tells chosen tenants, and who confirmed it."""
