"""Who may do what: every permission, every role, and the one table that joins them.

A role counts when the token names it *and* Moyai's own grant is in force (`governance.grants`); ROLE_PERMISSIONS says
what it allows then. What is not listed is denied.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from governance.kernel.labels import Label, LabelledEnum


class Permission(StrEnum):
    """One action that may be asked for: `package:object:action`, `platform:…` for what belongs to no package."""

    # tenancy
    OPERATOR_REGISTER = "tenancy:operator:register"
    TENANT_READ = "tenancy:tenant:read"
    TENANT_REGISTER = "tenancy:tenant:register"
    TENANT_IMPORT = "tenancy:tenant:import"
    TENANT_EDIT = "tenancy:tenant:edit"
    TENANT_RENAME = "tenancy:tenant:rename"
    TENANT_CARRY_OUT_RENAMING = "tenancy:tenant:carry-out-renaming"
    TENANT_CHANGE_STATE = "tenancy:tenant:change-state"
    TENANT_SYNC = "tenancy:tenant:sync"
    TENANT_ANNOUNCE_DEPARTURE = "tenancy:tenant:announce-departure"
    TENANT_MERGE = "tenancy:tenant:merge"
    HAND_BACK_READ = "tenancy:hand-back:read"
    HAND_BACK_REQUEST = "tenancy:hand-back:request"
    HAND_BACK_RECORD = "tenancy:hand-back:record"
    TENANT_SET_FEWEST_OWNERS = "tenancy:tenant:set-fewest-owners"
    STATISTIC_RECORD = "tenancy:statistic:record"
    CONTACT_READ = "tenancy:contact:read"
    CONTACT_RECORD = "tenancy:contact:record"
    CONTACT_REMOVE = "tenancy:contact:remove"
    COHORT_READ = "tenancy:cohort:read"
    COHORT_DEFINE = "tenancy:cohort:define"
    COHORT_APPLY = "tenancy:cohort:apply"
    ONBOARDING_READ = "tenancy:onboarding:read"
    ONBOARDING_START = "tenancy:onboarding:start"
    ONBOARDING_ADVANCE = "tenancy:onboarding:advance"
    ONBOARDING_DECIDE = "tenancy:onboarding:decide"
    PLAN_READ = "tenancy:plan:read"
    PLAN_DEFINE = "tenancy:plan:define"
    PLAN_ASSIGN = "tenancy:plan:assign"
    QUOTA_READ = "tenancy:quota:read"
    QUOTA_REQUEST = "tenancy:quota:request"
    QUOTA_DECIDE = "tenancy:quota:decide"
    MEMBER_READ = "tenancy:member:read"
    MEMBER_ADD = "tenancy:member:add"
    MEMBER_IMPORT = "tenancy:member:import"
    MEMBER_DISABLE = "tenancy:member:disable"
    MEMBER_REMOVE = "tenancy:member:remove"
    MEMBER_RESUME = "tenancy:member:resume"
    MEMBER_DECIDE_SYNC = "tenancy:member:decide-sync"
    MEMBER_END_ROLE = "tenancy:member:end-role"
    MEMBER_JOIN_ACCOUNTS = "tenancy:member:join-accounts"
    MEMBER_SYNC = "tenancy:member:sync"
    MEMBER_INVITE = "tenancy:member:invite"
    MEMBER_GRANT_ROLE = "tenancy:member:grant-role"
    MEMBER_UNDO_ROLE_CHANGE = "tenancy:member:undo-role-change"
    MEMBER_HAND_OVER_OWNER = "tenancy:member:hand-over-owner"
    MEMBER_CHANGE_SECTION = "tenancy:member:change-section"
    MEMBER_UNDO_SECTION_CHANGE = "tenancy:member:undo-section-change"
    MEMBER_PLAN_LEAVING = "tenancy:member:plan-leaving"
    MEMBER_UNDO_LEAVING = "tenancy:member:undo-leaving"
    MEMBER_CARRY_OUT_LEAVING = "tenancy:member:carry-out-leaving"
    MEMBER_RESEND_INVITATION = "tenancy:member:resend-invitation"
    MEMBER_CANCEL_INVITATION = "tenancy:member:cancel-invitation"
    MEMBER_CONSENT = "tenancy:member:consent"
    MEMBER_RESET_FACTOR = "tenancy:member:reset-factor"
    MEMBER_EDIT = "tenancy:member:edit"
    ROLES_HELD_READ = "tenancy:roles-held:read"
    SCIM_READ = "tenancy:scim:read"
    SCIM_WRITE = "tenancy:scim:write"
    SCIM_ISSUE_TOKEN = "tenancy:scim:issue-token"  # noqa: S105 - a permission, no secret
    SCIM_WITHDRAW_TOKEN = "tenancy:scim:withdraw-token"  # noqa: S105 - a permission, no secret
    IDENTITY_PROVIDER_READ = "tenancy:identity-provider:read"
    IDENTITY_PROVIDER_REGISTER = "tenancy:identity-provider:register"
    IDENTITY_PROVIDER_SET_SECRET = "tenancy:identity-provider:set-secret"  # noqa: S105 - a permission, no secret
    IDENTITY_PROVIDER_CHECK = "tenancy:identity-provider:check"
    IDENTITY_PROVIDER_ENABLE = "tenancy:identity-provider:enable"
    IDENTITY_PROVIDER_DISABLE = "tenancy:identity-provider:disable"
    IDENTITY_PROVIDER_REMOVE = "tenancy:identity-provider:remove"
    MEMBER_END_SESSIONS = "tenancy:member:end-sessions"
    BREAK_GLASS_READ = "tenancy:break-glass:read"
    BREAK_GLASS_START = "tenancy:break-glass:start"
    BREAK_GLASS_CLOSE = "tenancy:break-glass:close"
    CLIENT_READ = "tenancy:client:read"
    CLIENT_REGISTER = "tenancy:client:register"
    CLIENT_STOP = "tenancy:client:stop"
    CLIENT_STOP_FOR_GOOD = "tenancy:client:stop-for-good"
    ACCESS_READ = "tenancy:access:read"
    CLIENT_SUSPEND = "tenancy:client:suspend"
    CLIENT_RESUME = "tenancy:client:resume"
    CLIENT_SET_OWNER = "tenancy:client:set-owner"
    CLIENT_LIMIT_NETWORKS = "tenancy:client:limit-networks"
    CLIENT_SET_LAST_DAY = "tenancy:client:set-last-day"
    CLIENT_ADD_KEY = "tenancy:client:add-key"
    CLIENT_MAKE_KEY = "tenancy:client:make-key"
    CLIENT_REMOVE_KEY = "tenancy:client:remove-key"
    CLIENT_MAKE_SECRET = "tenancy:client:make-secret"  # noqa: S105 - a permission, no secret
    CLIENT_REMOVE_SECRET = "tenancy:client:remove-secret"  # noqa: S105 - a permission, no secret
    CLIENT_END_KEYS = "tenancy:client:end-keys"
    DRIFT_READ = "tenancy:drift:read"
    DRIFT_REPAIR = "tenancy:drift:repair"
    DRIFT_RECORD = "tenancy:drift:record"
    ANNOUNCEMENT_READ = "tenancy:announcement:read"
    ANNOUNCEMENT_PUBLISH = "tenancy:announcement:publish"
    ANNOUNCEMENT_WITHDRAW = "tenancy:announcement:withdraw"
    ANNOUNCEMENT_CONFIRM = "tenancy:announcement:confirm"
    ANNOUNCEMENT_REMIND = "tenancy:announcement:remind"
    REGISTRY_READ = "tenancy:registry:read"
    APPLICATION_READ = "tenancy:application:read"
    APPLICATION_BEGIN = "tenancy:application:begin"
    APPLICATION_SAVE = "tenancy:application:save"
    APPLICATION_ATTACH = "tenancy:application:attach"
    APPLICATION_SUBMIT = "tenancy:application:submit"
    APPLICATION_WITHDRAW = "tenancy:application:withdraw"
    APPLICATION_RESEND_LINK = "tenancy:application:resend-link"
    APPLICATION_SCREEN = "tenancy:application:screen"
    APPLICATION_CONCLUDE = "tenancy:application:conclude"
    APPLICATION_ADMIT = "tenancy:application:admit"
    ACCESS_REVIEW_READ = "tenancy:access-review:read"
    ACCESS_REVIEW_START = "tenancy:access-review:start"
    ACCESS_REVIEW_START_MANY = "tenancy:access-review:start-many"
    ACCESS_REVIEW_DECIDE = "tenancy:access-review:decide"
    ACCESS_REVIEW_SIGN = "tenancy:access-review:sign"
    ACCESS_REVIEW_CANCEL = "tenancy:access-review:cancel"
    ACCESS_REVIEW_REMIND = "tenancy:access-review:remind"
    # governance
    AGREEMENT_READ = "governance:agreement:read"
    AGREEMENT_PUBLISH = "governance:agreement:publish"
    AGREEMENT_ACCEPT = "governance:agreement:accept"
    AGREEMENT_REMIND = "governance:agreement:remind"
    RULE_READ = "governance:rule:read"
    RULE_DRAFT = "governance:rule:draft"
    RULE_ADOPT = "governance:rule:adopt"
    RULE_END = "governance:rule:end"
    APPROVAL_READ = "governance:approval:read"
    APPROVAL_DECIDE = "governance:approval:decide"
    AUDIT_READ = "governance:audit:read"
    AUDIT_VERIFY = "governance:audit:verify"
    AUDIT_SEAL = "governance:audit:seal"
    WEBHOOK_READ = "governance:webhook:read"
    WEBHOOK_CREATE = "governance:webhook:create"
    WEBHOOK_CHANGE_ADDRESS = "governance:webhook:change-address"
    WEBHOOK_ISSUE_SECRET = "governance:webhook:issue-secret"  # noqa: S105 - a permission, no secret
    WEBHOOK_CHANGE_STATE = "governance:webhook:change-state"
    WEBHOOK_RESEND = "governance:webhook:resend"
    RETENTION_APPLY = "governance:retention:apply"
    PERMISSION_READ = "governance:permission:read"
    # billing
    COST_READ = "billing:cost:read"
    COST_RECORD = "billing:cost:record"
    COST_WITHDRAW = "billing:cost:withdraw"
    COST_POOL_DEFINE = "billing:cost-pool:define"
    ALLOCATION_READ = "billing:allocation:read"
    ALLOCATION_COMPUTE = "billing:allocation:compute"
    ALLOCATION_PREPARE = "billing:allocation:prepare"
    ALLOCATION_APPROVE = "billing:allocation:approve"
    ALLOCATION_REJECT = "billing:allocation:reject"
    LEDGER_READ = "billing:ledger:read"
    LEDGER_POST = "billing:ledger:post"
    LEDGER_REVERSE = "billing:ledger:reverse"
    PERIOD_CHANGE_STATE = "billing:period:change-state"
    NOTICE_READ = "billing:notice:read"
    NOTICE_SET_ISSUER = "billing:notice:set-issuer"
    NOTICE_ISSUE = "billing:notice:issue"
    # entry points
    OVERVIEW_READ = "platform:overview:read"
    MAIL_READ = "platform:mail:read"
    SENT_MAIL_READ = "tenancy:sent-mail:read"
    MAIL_OPEN = "platform:mail:open"
    BACKOFFICE_OPEN = "platform:backoffice:open"
    SERVERS_RUN = "platform:servers:run"
    KEYCLOAK_CONFIGURE = "platform:keycloak:configure"
    BACKUP_TAKE = "platform:backup:take"
    BACKUP_RESTORE = "platform:backup:restore"
    EXAMPLE_LOAD = "platform:example:load"
    TRAINING_RESET = "platform:training:reset"
    PREFERENCES_READ = "platform:preferences:read"
    PREFERENCES_SAVE = "platform:preferences:save"
    SIGN_IN_LIMITS_READ = "platform:sign-in-limits:read"
    SIGN_IN_LIMITS_SET = "platform:sign-in-limits:set"
    SIGN_IN_NETWORKS_READ = "platform:sign-in-networks:read"
    SIGN_IN_NETWORKS_LIMIT = "platform:sign-in-networks:limit"
    SESSION_READ = "platform:session:read"
    SESSION_END = "platform:session:end"
    SIGNED_IN = "platform:signed-in"
    PUBLIC = "platform:public"


class Role(LabelledEnum):
    """A role as Keycloak's client `moyai-api` names it. `system` is Moyai's own worker and is in no token."""

    TENANT_OWNER = "tenant-owner", "団体管理者", "tenant owner"
    TENANT_USER_ADMIN = "tenant-user-admin", "利用者管理担当", "user administrator of a tenant"
    TENANT_CLIENT_ADMIN = "tenant-client-admin", "連携システム管理担当", "client administrator of a tenant"
    TENANT_FINANCE = "tenant-finance", "会計担当（団体）", "finance of a tenant"
    TENANT_AUDITOR = "tenant-auditor", "監査担当（団体）", "auditor of a tenant"
    TENANT_MEMBER = "tenant-member", "利用者", "member"
    OPERATOR_ONBOARDING = "operator-onboarding", "参加手続担当（県）", "onboarding, operator"
    OPERATOR_FINANCE = "operator-finance", "会計担当（県）", "finance, operator"
    OPERATOR_APPROVER = "operator-approver", "承認者（県）", "approver, operator"
    OPERATOR_SECURITY = "operator-security", "セキュリティ担当（県）", "security, operator"
    OPERATOR_AUDITOR = "operator-auditor", "監査担当（県）", "auditor, operator"
    BREAK_GLASS = "break-glass", "緊急時の操作", "break glass"
    SYSTEM = "system", "Moyai自身", "Moyai itself"


class SecondPerson(LabelledEnum):
    """What a command that needs a second person is about: DECIDABLE_BY says which role decides it."""

    MONEY = "money", "お金", "money"
    RULES = "rules", "規程", "rules"
    SETTINGS = "settings", "設定", "settings"
    ROLES = "roles", "運営者の役割", "operator roles"
    FACTORS = "second-factors", "二要素認証の再設定", "resets of a second factor"
    APPLICATIONS = "applications", "利用申請", "applications to take part"
    EMERGENCY = "emergency", "緊急時の操作", "the emergency role"
    OWNERS = "owners", "団体管理者", "tenant owners"
    OWNERS_ABSENT = (
        "owners-absent",
        "決定できる団体管理者がいない団体の団体管理者",
        "owners of a tenant where none can decide",
    )


TENANT_ROLES: Final = frozenset(role for role in Role if role.startswith("tenant-"))
OPERATOR_ROLES: Final = frozenset(role for role in Role if role.startswith("operator-")) | {Role.BREAK_GLASS}

_P = Permission

_MEMBER_READS = frozenset(
    {_P.OVERVIEW_READ, _P.SIGNED_IN, _P.TENANT_READ, _P.PLAN_READ, _P.QUOTA_READ, _P.AGREEMENT_READ, _P.RULE_READ}
    | {_P.ANNOUNCEMENT_READ, _P.PREFERENCES_READ, _P.PREFERENCES_SAVE, _P.SESSION_READ, _P.SESSION_END}
)
_FINANCE_READS = frozenset({_P.COST_READ, _P.ALLOCATION_READ, _P.ALLOCATION_COMPUTE, _P.LEDGER_READ, _P.NOTICE_READ})
_APPROVALS = frozenset({_P.APPROVAL_READ, _P.APPROVAL_DECIDE})
_PEOPLE_READS = frozenset(
    {_P.MEMBER_READ, _P.CLIENT_READ, _P.CONTACT_READ, _P.IDENTITY_PROVIDER_READ, _P.SIGN_IN_NETWORKS_READ}
)
_CLIENTS = frozenset({_P.CLIENT_REGISTER, _P.CLIENT_SUSPEND, _P.CLIENT_RESUME, _P.CLIENT_SET_OWNER}) | frozenset(
    {_P.CLIENT_LIMIT_NETWORKS, _P.CLIENT_ADD_KEY, _P.CLIENT_MAKE_KEY, _P.CLIENT_REMOVE_KEY}
    | {_P.CLIENT_STOP_FOR_GOOD, _P.CLIENT_SET_LAST_DAY, _P.CLIENT_REMOVE_SECRET}
)
_SCIM_TOKENS = frozenset({_P.SCIM_READ, _P.SCIM_WITHDRAW_TOKEN})
_APPLICANTS_ACTS = frozenset(
    {_P.APPLICATION_BEGIN, _P.APPLICATION_SAVE, _P.APPLICATION_ATTACH, _P.APPLICATION_SUBMIT, _P.APPLICATION_WITHDRAW}
)
"""What an applicant does on its page, and the operator's staff for one that came on paper."""
_IDENTITY_PROVIDERS = frozenset(
    {_P.IDENTITY_PROVIDER_REGISTER, _P.IDENTITY_PROVIDER_SET_SECRET, _P.IDENTITY_PROVIDER_CHECK}
    | {_P.IDENTITY_PROVIDER_ENABLE, _P.IDENTITY_PROVIDER_DISABLE, _P.IDENTITY_PROVIDER_REMOVE}
)
_MEMBER_INVITATIONS = frozenset({_P.MEMBER_RESEND_INVITATION, _P.MEMBER_CANCEL_INVITATION})
_MEMBER_ROLES = frozenset({_P.MEMBER_GRANT_ROLE, _P.MEMBER_END_ROLE, _P.MEMBER_UNDO_ROLE_CHANGE})
_MEMBER_TRANSFERS = frozenset({_P.MEMBER_CHANGE_SECTION, _P.MEMBER_UNDO_SECTION_CHANGE}) | frozenset(
    {_P.MEMBER_PLAN_LEAVING, _P.MEMBER_UNDO_LEAVING}
)
_OPERATOR_READS = (
    _MEMBER_READS
    | _FINANCE_READS
    | _PEOPLE_READS
    | {_P.COHORT_READ, _P.ONBOARDING_READ, _P.DRIFT_READ, _P.PERMISSION_READ, _P.AUDIT_READ, _P.BACKOFFICE_OPEN}
    | {_P.APPROVAL_READ, _P.WEBHOOK_READ, _P.SCIM_READ, _P.ROLES_HELD_READ, _P.APPLICATION_READ, _P.REGISTRY_READ}
    | {_P.SENT_MAIL_READ, _P.ACCESS_REVIEW_READ, _P.SIGN_IN_LIMITS_READ, _P.BREAK_GLASS_READ}
)

ROLE_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.TENANT_MEMBER: _MEMBER_READS | {_P.MEMBER_CONSENT},
    Role.TENANT_OWNER: _MEMBER_READS
    | _FINANCE_READS
    | _PEOPLE_READS
    | _APPROVALS
    | _CLIENTS
    | _IDENTITY_PROVIDERS
    | _MEMBER_INVITATIONS
    | _MEMBER_ROLES
    | _MEMBER_TRANSFERS
    | _SCIM_TOKENS
    | {_P.MEMBER_ADD, _P.MEMBER_IMPORT, _P.MEMBER_DISABLE, _P.MEMBER_RESUME, _P.MEMBER_REMOVE, _P.MEMBER_EDIT}
    | {_P.SCIM_ISSUE_TOKEN, _P.ROLES_HELD_READ, _P.SENT_MAIL_READ, _P.ACCESS_REVIEW_READ, _P.ACCESS_REVIEW_DECIDE}
    | {_P.ACCESS_REVIEW_START, _P.ACCESS_REVIEW_SIGN, _P.ACCESS_REVIEW_CANCEL, _P.MEMBER_END_SESSIONS}
    | {_P.QUOTA_REQUEST, _P.AGREEMENT_ACCEPT, _P.AUDIT_READ, _P.ONBOARDING_READ}
    | {_P.CONTACT_RECORD, _P.CONTACT_REMOVE, _P.ANNOUNCEMENT_CONFIRM}
    | {_P.TENANT_SET_FEWEST_OWNERS, _P.MEMBER_HAND_OVER_OWNER, _P.CLIENT_MAKE_SECRET}
    | {_P.HAND_BACK_READ, _P.HAND_BACK_REQUEST, _P.SIGN_IN_NETWORKS_LIMIT},
    Role.TENANT_USER_ADMIN: _MEMBER_READS
    | _PEOPLE_READS
    | _MEMBER_INVITATIONS
    | _MEMBER_TRANSFERS
    | _SCIM_TOKENS
    | {_P.MEMBER_ADD, _P.MEMBER_IMPORT, _P.MEMBER_DISABLE, _P.MEMBER_RESUME, _P.MEMBER_REMOVE, _P.MEMBER_EDIT}
    | {
        _P.ANNOUNCEMENT_CONFIRM,
        _P.ROLES_HELD_READ,
        _P.SENT_MAIL_READ,
        _P.ACCESS_REVIEW_READ,
        _P.ACCESS_REVIEW_DECIDE,
        _P.MEMBER_END_SESSIONS,
    },
    Role.TENANT_CLIENT_ADMIN: _MEMBER_READS
    | _PEOPLE_READS
    | _CLIENTS
    | _SCIM_TOKENS
    | {_P.CLIENT_MAKE_SECRET}
    | {_P.QUOTA_REQUEST, _P.ANNOUNCEMENT_CONFIRM},
    Role.TENANT_FINANCE: _MEMBER_READS | _FINANCE_READS | {_P.ANNOUNCEMENT_CONFIRM},
    Role.TENANT_AUDITOR: _MEMBER_READS
    | _FINANCE_READS
    | _PEOPLE_READS
    | {_P.AUDIT_READ, _P.ONBOARDING_READ, _P.SCIM_READ, _P.ROLES_HELD_READ, _P.SENT_MAIL_READ, _P.ACCESS_REVIEW_READ},
    Role.OPERATOR_ONBOARDING: _OPERATOR_READS
    | _MEMBER_INVITATIONS
    | {_P.TENANT_REGISTER, _P.TENANT_IMPORT, _P.TENANT_EDIT, _P.TENANT_CHANGE_STATE, _P.COHORT_DEFINE, _P.COHORT_APPLY}
    | {_P.TENANT_RENAME}
    | {_P.ONBOARDING_START, _P.ONBOARDING_DECIDE, _P.PLAN_DEFINE, _P.QUOTA_REQUEST, _P.AGREEMENT_PUBLISH}
    | {_P.AGREEMENT_ACCEPT, _P.AGREEMENT_REMIND, _P.MEMBER_ADD, _P.MEMBER_IMPORT, _P.MEMBER_DECIDE_SYNC}
    | {_P.CLIENT_REGISTER}
    | {_P.PLAN_ASSIGN, _P.ANNOUNCEMENT_PUBLISH, _P.ANNOUNCEMENT_WITHDRAW, _P.ANNOUNCEMENT_REMIND}
    | {_P.STATISTIC_RECORD, _P.CONTACT_RECORD, _P.CONTACT_REMOVE, _P.DRIFT_REPAIR, _P.TENANT_SET_FEWEST_OWNERS}
    | {_P.TENANT_ANNOUNCE_DEPARTURE, _P.TENANT_MERGE, _P.HAND_BACK_READ, _P.HAND_BACK_REQUEST}
    | _APPLICANTS_ACTS
    | {_P.APPLICATION_RESEND_LINK, _P.APPLICATION_SCREEN, _P.APPLICATION_CONCLUDE, _P.APPLICATION_ADMIT},
    Role.OPERATOR_FINANCE: _OPERATOR_READS
    | {
        _P.COST_RECORD,
        _P.ALLOCATION_PREPARE,
        _P.NOTICE_ISSUE,
        _P.NOTICE_SET_ISSUER,
        _P.LEDGER_POST,
        _P.LEDGER_REVERSE,
        _P.PERIOD_CHANGE_STATE,
    }
    | {_P.RULE_DRAFT, _P.RULE_ADOPT, _P.RULE_END, _P.COST_WITHDRAW, _P.COST_POOL_DEFINE},
    Role.OPERATOR_APPROVER: _OPERATOR_READS
    | _APPROVALS
    | {_P.ALLOCATION_APPROVE, _P.ALLOCATION_REJECT, _P.QUOTA_DECIDE, _P.BREAK_GLASS_START, _P.BREAK_GLASS_CLOSE},
    Role.OPERATOR_SECURITY: _OPERATOR_READS
    | _APPROVALS
    | _MEMBER_INVITATIONS
    | _MEMBER_ROLES
    | _MEMBER_TRANSFERS
    | {_P.MEMBER_ADD, _P.MEMBER_IMPORT, _P.MEMBER_DISABLE, _P.MEMBER_RESUME, _P.MEMBER_REMOVE}
    | {_P.MEMBER_DECIDE_SYNC}
    | {_P.MEMBER_JOIN_ACCOUNTS, _P.MEMBER_RESET_FACTOR, _P.MEMBER_EDIT, _P.SCIM_WITHDRAW_TOKEN}
    | {_P.MEMBER_END_SESSIONS, _P.SIGN_IN_LIMITS_SET, _P.BREAK_GLASS_START, _P.BREAK_GLASS_CLOSE}
    | {_P.SIGN_IN_NETWORKS_LIMIT}
    | _CLIENTS
    | _IDENTITY_PROVIDERS
    | {_P.AUDIT_VERIFY, _P.ONBOARDING_DECIDE, _P.MAIL_READ, _P.CLIENT_STOP, _P.ACCESS_READ}
    | {_P.WEBHOOK_CREATE, _P.WEBHOOK_CHANGE_ADDRESS, _P.WEBHOOK_ISSUE_SECRET, _P.WEBHOOK_CHANGE_STATE}
    | {_P.WEBHOOK_RESEND, _P.DRIFT_REPAIR, _P.ACCESS_REVIEW_START, _P.ACCESS_REVIEW_START_MANY}
    | {_P.ACCESS_REVIEW_CANCEL, _P.ACCESS_REVIEW_REMIND},
    Role.OPERATOR_AUDITOR: _OPERATOR_READS | {_P.AUDIT_VERIFY},
    Role.BREAK_GLASS: _OPERATOR_READS
    | {_P.MEMBER_DISABLE, _P.MEMBER_END_SESSIONS, _P.ONBOARDING_DECIDE, _P.AUDIT_VERIFY, _P.BREAK_GLASS_CLOSE},
    Role.SYSTEM: frozenset(
        {_P.OPERATOR_REGISTER, _P.ONBOARDING_START, _P.ONBOARDING_ADVANCE, _P.MEMBER_SYNC, _P.MEMBER_INVITE}
    )
    | {_P.BREAK_GLASS_CLOSE}
    | {_P.DRIFT_RECORD, _P.CLIENT_END_KEYS, _P.MEMBER_CARRY_OUT_LEAVING, _P.TENANT_SYNC, _P.HAND_BACK_RECORD}
    | _APPLICANTS_ACTS
    | {_P.TENANT_CARRY_OUT_RENAMING}
    | {_P.ALLOCATION_PREPARE, _P.TENANT_CHANGE_STATE, _P.AUDIT_VERIFY, _P.AUDIT_SEAL, _P.RETENTION_APPLY}
    | {
        _P.SERVERS_RUN,
        _P.KEYCLOAK_CONFIGURE,
        _P.EXAMPLE_LOAD,
        _P.TRAINING_RESET,
        _P.MAIL_OPEN,
        _P.BACKUP_TAKE,
        _P.BACKUP_RESTORE,
    },
}

DECISIONS: Final = frozenset({_P.APPROVAL_DECIDE, _P.ALLOCATION_APPROVE, _P.ALLOCATION_REJECT, _P.QUOTA_DECIDE})
"""Permissions to decide what another person asked for. Whoever decides is signed in: never the machine's command line,
which would be a second name of one person."""

GRANTABLE_BY: Final[dict[Role, frozenset[Role]]] = {
    Role.TENANT_OWNER: frozenset(TENANT_ROLES),
    Role.OPERATOR_ONBOARDING: frozenset({Role.TENANT_OWNER}),
    Role.OPERATOR_SECURITY: frozenset(TENANT_ROLES | OPERATOR_ROLES) - {Role.BREAK_GLASS},
}
"""Role held → roles one may grant. Nobody grants a role above their own."""

SCIM_ROLES: Final = frozenset({Role.TENANT_FINANCE, Role.TENANT_AUDITOR})
"""The roles that a municipality's directory gives and takes by its groups: none that administers the tenant."""

SCIM_PERMISSIONS: Final = frozenset(
    {_P.SIGNED_IN, _P.MEMBER_READ, _P.MEMBER_ADD, _P.MEMBER_EDIT, _P.MEMBER_DISABLE, _P.MEMBER_RESUME}
    | {_P.MEMBER_REMOVE, _P.MEMBER_GRANT_ROLE, _P.MEMBER_END_ROLE, _P.SCIM_WRITE}
)
"""What a municipality's directory may do in its own tenant with its SCIM token. It holds no role."""

DECIDABLE_BY: Final[dict[Role, frozenset[SecondPerson]]] = {
    Role.OPERATOR_APPROVER: frozenset(
        {
            *(SecondPerson.MONEY, SecondPerson.RULES, SecondPerson.SETTINGS, SecondPerson.OWNERS_ABSENT),
            *(SecondPerson.FACTORS, SecondPerson.APPLICATIONS),
            SecondPerson.EMERGENCY,
        }
    ),
    Role.OPERATOR_SECURITY: frozenset({SecondPerson.ROLES, SecondPerson.FACTORS, SecondPerson.EMERGENCY}),
    Role.TENANT_OWNER: frozenset({SecondPerson.OWNERS}),
}
"""Role held → what one may decide of what somebody else requested."""

EXCLUDED_BY: Final[dict[Role, Role]] = {Role.OPERATOR_APPROVER: Role.OPERATOR_FINANCE}
"""Role → the role beside which one person's does not count: whoever records money does not approve it, too."""

TENANT_SCOPES: Final[dict[str, frozenset[Permission]]] = {
    "moyai:tenants.read": frozenset({_P.SIGNED_IN, _P.TENANT_READ, _P.ONBOARDING_READ}),
    "moyai:quota.read": frozenset({_P.SIGNED_IN, _P.TENANT_READ, _P.PLAN_READ, _P.QUOTA_READ}),
    "moyai:usage.read": frozenset({_P.SIGNED_IN, _P.TENANT_READ}),
    "moyai:people.read": frozenset({_P.SIGNED_IN, _P.MEMBER_READ, _P.CLIENT_READ, _P.CONTACT_READ}),
    "moyai:agreements.read": frozenset({_P.SIGNED_IN, _P.AGREEMENT_READ}),
    "moyai:rules.read": frozenset({_P.SIGNED_IN, _P.RULE_READ}),
    "moyai:costs.read": frozenset({_P.SIGNED_IN, _P.COST_READ}),
    "moyai:allocation.read": frozenset({_P.SIGNED_IN, _P.ALLOCATION_READ}),
    "moyai:ledger.read": frozenset({_P.SIGNED_IN, _P.LEDGER_READ}),
    "moyai:notices.read": frozenset({_P.SIGNED_IN, _P.NOTICE_READ}),
    "moyai:audit.read": frozenset({_P.SIGNED_IN, _P.AUDIT_READ}),
}
"""Scope of a municipality's service client → what it may do in its own tenant: it reads. A client holds no role."""

OPERATOR_SCOPES: Final[dict[str, frozenset[Permission]]] = TENANT_SCOPES | {
    "moyai:tenants.read": TENANT_SCOPES["moyai:tenants.read"] | {_P.COHORT_READ},
    "moyai:tenants.write": frozenset(
        {_P.SIGNED_IN, _P.TENANT_REGISTER, _P.TENANT_EDIT, _P.STATISTIC_RECORD, _P.CONTACT_RECORD, _P.CONTACT_REMOVE}
    ),
    "moyai:costs.write": frozenset({_P.SIGNED_IN, _P.COST_RECORD}),
    "moyai:drift.read": frozenset({_P.SIGNED_IN, _P.DRIFT_READ}),
    "moyai:access.read": frozenset({_P.SIGNED_IN, _P.ACCESS_READ}),
}
"""Scope of a service client of the operator's → what it may do, for all tenants. None decides, nor requests what a
second person decides."""


SCOPE_LABELS: Final[dict[str, Label]] = {
    "moyai:tenants.read": Label("参加団体の閲覧", "read tenants"),
    "moyai:tenants.write": Label("参加団体の登録・変更", "register and edit tenants"),
    "moyai:quota.read": Label("利用枠の閲覧", "read quotas"),
    "moyai:usage.read": Label("利用量の閲覧", "read usage"),
    "moyai:people.read": Label("利用者と連絡先の閲覧", "read people and contacts"),
    "moyai:agreements.read": Label("協定と同意の閲覧", "read agreements and acceptances"),
    "moyai:rules.read": Label("負担金算定規程の閲覧", "read cost-sharing rules"),
    "moyai:costs.read": Label("経費の閲覧", "read costs"),
    "moyai:costs.write": Label("経費の登録", "record costs"),
    "moyai:allocation.read": Label("費用按分の閲覧", "read allocations"),
    "moyai:ledger.read": Label("元帳の閲覧", "read the ledger"),
    "moyai:notices.read": Label("納入通知書の閲覧", "read notices"),
    "moyai:audit.read": Label("監査記録の閲覧", "read the audit log"),
    "moyai:drift.read": Label("認証サービスとの差分の確認", "see differences with the identity server"),
    "moyai:access.read": Label("連携システムの利用可否の照会", "ask whether a service client may call"),
    "moyai:usage.write": Label("利用量の報告", "report usage"),
    "moyai:authorize": Label("利用可否の照会", "ask whether something may be used"),
}
"""What a scope allows, in words; also those that versions before 0.3 gave."""


def scope_wording(scope: str) -> Label:
    """What a scope allows, as people read it; the scope itself where it has no label."""
    return SCOPE_LABELS.get(scope, Label(scope, scope))


def decidable_by(roles: frozenset[Role]) -> frozenset[SecondPerson]:
    """What people with these roles may decide of what others requested."""
    return frozenset[SecondPerson]().union(*(DECIDABLE_BY.get(role, frozenset()) for role in roles))


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """The union of what these roles allow, with PUBLIC, which needs no role."""
    return frozenset({Permission.PUBLIC}).union(*(ROLE_PERMISSIONS[role] for role in roles))
