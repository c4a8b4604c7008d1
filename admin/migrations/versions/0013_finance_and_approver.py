"""Finance and approver exclude each other for one person: no grant of one is added beside one of the other.

Whoever holds both keeps both rows; the approver's does not count (`governance.grants`) until one of them ends.
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION role_grant_excluded() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (
                SELECT FROM role_grant AS held
                WHERE held.tenant_id = NEW.tenant_id
                    AND held.role IN ('operator-finance', 'operator-approver')
                    AND held.role <> NEW.role
                    AND (held.valid_until IS NULL OR held.valid_until > NEW.valid_from)
                    AND (
                        held.person_id = NEW.person_id
                        OR EXISTS (
                            SELECT FROM person_account AS one JOIN person_account AS other USING (person_id)
                            WHERE one.account = held.person_id::text AND other.account = NEW.person_id::text
                        )
                    )
            ) THEN
                RAISE EXCEPTION 'one person is not finance and approver'
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'role_grant_excluded';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER excluded BEFORE INSERT ON role_grant FOR EACH ROW
            WHEN (NEW.role IN ('operator-finance', 'operator-approver')) EXECUTE FUNCTION role_grant_excluded()
        """
    )
