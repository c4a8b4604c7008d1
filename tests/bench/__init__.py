"""Measurements that print ratios with their conditions; `make bench` runs them. They refuse nothing."""
