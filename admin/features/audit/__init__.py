"""監査記録: who did what, when."""
