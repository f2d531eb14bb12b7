-- Roles for a ledger in PostgreSQL, with the least that each needs. Run it once as the owner of the database
-- or as a superuser, in the database of the service:
--
--   psql -v ON_ERROR_STOP=1 -d shop -f roles.sql -f schema.sql -f grants.sql
--
-- shop_deploy is what "app run" connects as; shop_look is for people and dashboards that only look
-- (status, plan, history, show, watch, doctor, the live page without actions).
--
-- The roles cannot log in. Make them a member of what logs in: GRANT shop_deploy TO ci;
CREATE ROLE shop_deploy NOLOGIN;
CREATE ROLE shop_look NOLOGIN;
CREATE SCHEMA IF NOT EXISTS shop;
GRANT USAGE ON SCHEMA shop TO shop_deploy, shop_look;

-- The program finds its tables by the search path of the connection:
--   DATABASE_URL=postgres://ci@db/shop?search_path=shop
SET search_path = shop;
