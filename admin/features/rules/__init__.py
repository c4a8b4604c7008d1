"""規程: rules and the decisions that adopt them."""
