"""利用プランと利用枠: plans, quotas and requests."""
