"""設定: a person's own choices for pages and mails."""
