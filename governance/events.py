"""The catalogue of audit events: what the record can say has happened. Same words as command and permission."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """`thing.happened`. The words for people stand in docs/GLOSSARY.md."""

    OPERATOR_REGISTERED = "operator.registered"
    TENANT_REGISTERED = "tenant.registered"
    TENANTS_IMPORTED = "tenants.imported"
    TENANT_EDITED = "tenant.edited"
    TENANT_MOVED = "tenant.moved"
    STATISTIC_RECORDED = "statistic.recorded"
    COHORT_DEFINED = "cohort.defined"
    COHORT_APPLIED = "cohort.applied"
    ONBOARDING_STARTED = "onboarding.started"
    ONBOARDING_ADVANCED = "onboarding.advanced"
    ONBOARDING_DECIDED = "onboarding.decided"
    PLAN_DEFINED = "plan.defined"
    QUOTA_REQUESTED = "quota.requested"
    QUOTA_DECIDED = "quota.decided"
    MEMBER_ADDED = "member.added"
    MEMBER_DISABLED = "member.disabled"
    GRANT_GIVEN = "grant.given"
    GRANT_ENDED = "grant.ended"
    CLIENT_REGISTERED = "client.registered"
    AGREEMENT_PUBLISHED = "agreement.published"
    AGREEMENT_ACCEPTED = "agreement.accepted"
    RULE_ADOPTED = "rule.adopted"
    COST_RECORDED = "cost.recorded"
    ALLOCATION_PREPARED = "allocation.prepared"
    ALLOCATION_APPROVED = "allocation.approved"
    ALLOCATION_REJECTED = "allocation.rejected"
    LEDGER_POSTED = "ledger.posted"
    LEDGER_REVERSED = "ledger.reversed"
    PERIOD_MOVED = "period.moved"
    NOTICE_ISSUED = "notice.issued"
    SESSION_OPENED = "session.opened"
    SESSION_CLOSED = "session.closed"
