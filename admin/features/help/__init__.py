"""What words mean, what each page is for, and the keys; for everybody who is signed in."""
