"""Allocation (費用按分): a pool of cost becomes each member's share, exactly.

`case` holds what goes in and refuses what cannot be shared, `reading` takes a case from JSON, `calculation` decides,
`workings` explains. These four are pure: no session, clock or request, so that a preview, an approval, a replay and an
auditor's own file all come to the same yen.
"""
