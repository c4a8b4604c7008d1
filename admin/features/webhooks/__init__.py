"""監査記録の送信先: where events are sent, and how their deliveries fare."""
