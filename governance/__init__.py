"""The law and the record: who may do what, what was done, what was agreed and decided.

Everything that changes Moyai passes through a command of this package, which asks the permission, owns the
transaction and leaves the audit record. Not here: municipalities and people (tenancy), money (billing), HTTP (admin).
"""
