"""ログインの管理: the sessions in which a person is signed in, on their own page."""
