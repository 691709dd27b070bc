#!/bin/sh
# Makes the product's user, who is no superuser, and the database that belongs to it. The image runs it once, when the
# data directory is new.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat /run/secrets/store_password`
CREATE ROLE eklavya LOGIN PASSWORD :'password';
CREATE DATABASE eklavya OWNER eklavya;
REVOKE ALL ON DATABASE eklavya FROM PUBLIC;
SQL
