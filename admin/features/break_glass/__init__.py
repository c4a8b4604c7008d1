"""緊急時の操作: the hours in which one of the operator's people holds the emergency role."""
