"""Metrics for Prometheus: what the web processes count, what the database says, and one answer of both.

Web processes share a folder of counters (prometheus-client's multiprocess mode), so that those of several add up. The
health listener reads it, asks PostgreSQL and Keycloak, and answers `/metrics` (docs/decisions/0034). No metric names a
tenant or a person.
"""
