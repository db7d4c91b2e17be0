-- The two roles and their database, created once by a superuser with psql. The portal serves as activate; only
-- db upgrade connects as activate_owner. The passwords are read from files.
\set owner_password `cat /run/secrets/owner_password`
\set database_password `cat /run/secrets/database_password`
CREATE ROLE activate_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE activate LOGIN PASSWORD :'database_password';
CREATE DATABASE activate OWNER activate_owner;
