-- What the roles may do with the ledger's tables. None of them needs DELETE, TRUNCATE, CREATE or ownership.
-- UPDATE on seq_leases, seq_ops, seq_runs and seq_attempts is also what SELECT ... FOR SHARE asks for.
SET search_path = shop;
GRANT SELECT ON seq_meta TO shop_deploy;
GRANT SELECT, INSERT, UPDATE ON seq_leases, seq_runs, seq_ops, seq_attempts TO shop_deploy;
GRANT SELECT ON seq_meta, seq_leases, seq_runs, seq_ops, seq_attempts TO shop_look;

-- What the operations themselves do to the service's tables needs privileges of its own, and migrations
-- need to own what they change:
--   GRANT SELECT, UPDATE ON accounts TO shop_deploy;
--   ALTER TABLE accounts OWNER TO shop_deploy;
