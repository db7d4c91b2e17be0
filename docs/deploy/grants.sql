-- What the role that serves needs, and no more, given by the owner of the tables. Again after each upgrade.
GRANT INSERT, SELECT ON ledger TO activate;
GRANT USAGE ON SEQUENCE ledger_id_seq TO activate;
GRANT SELECT, INSERT, UPDATE, DELETE ON pending, sessions, authorizations, used_tokens TO activate;
GRANT SELECT, INSERT, UPDATE, DELETE ON agents, recovery_codes TO activate;
GRANT SELECT, INSERT, UPDATE, DELETE ON viewers, tv_names, tv_numbers, outbox TO activate;
GRANT SELECT ON alembic_version TO activate;
