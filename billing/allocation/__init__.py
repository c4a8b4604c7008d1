"""Allocation (費用按分): a pool of cost becomes each member's share, exactly.

Two forms of a case. One stage: `input` holds what goes in and refuses what cannot be shared, `reading` takes it from
JSON, `calculation` decides, `workings` explains. Many stages (`cost_sharing/2`): `staged_case` is what goes in,
`staged_calculation` runs the stages, each kind in a module of its own (`staged_pool`, `staged_split`, `staged_limit`,
`staged_rounding`), `staged_workings` and `staged_answer` explain. All are pure: no session, clock or request, so that
a preview, an approval, a replay and an auditor's own file all come to the same yen.
"""
