-- What the roles may do with the ledger's tables. Neither needs TRUNCATE, CREATE or ownership. DELETE on
-- seq_runs, seq_ops and seq_attempts is for who prunes the history: give it to that role only.
-- UPDATE is also what SELECT ... FOR SHARE asks for.
SET search_path = shop;
GRANT SELECT, INSERT ON seq_meta, seq_attempts TO shop_deploy;
GRANT SELECT, INSERT, UPDATE ON seq_leases, seq_controls, seq_runs, seq_ops TO shop_deploy;
GRANT USAGE ON SEQUENCE seq_sequence TO shop_deploy;
GRANT SELECT ON seq_meta, seq_leases, seq_controls, seq_runs, seq_ops, seq_attempts TO shop_look;

-- What the operations themselves do to the service's tables needs privileges of its own, and migrations
-- need to own what they change:
--   GRANT SELECT, UPDATE ON accounts TO shop_deploy;
--   ALTER TABLE accounts OWNER TO shop_deploy;
