#!/bin/sh
# Creates Eklavya's user, which is not a superuser, and its database. The image runs this script once, when the data
# directory is new.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat /run/secrets/store_password`
CREATE ROLE eklavya LOGIN PASSWORD :'password';
CREATE DATABASE eklavya OWNER eklavya;
REVOKE ALL ON DATABASE eklavya FROM PUBLIC;
SQL
