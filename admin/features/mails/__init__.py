"""送信控え: mails kept where no mail server is set."""
