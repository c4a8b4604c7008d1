"""A municipality's own directory (SCIM 2.0, RFC 7643 and 7644): its tokens, and what it knows its people and groups by.

What it writes are the commands of `tenancy.people`, in one transaction a request. The protocol itself, its resources
and filters belong to `admin.features.scim`.
"""
