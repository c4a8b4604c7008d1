"""利用申請: what applicants fill in on a public page, and how the operator screens, decides and admits it."""
