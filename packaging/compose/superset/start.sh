#!/bin/sh
# Brings Superset to where people can log in and ask ClickHouse. Doing it again changes nothing but the two passwords.
set -eu
superset db upgrade
superset fab create-admin --username admin --firstname Spotlight --lastname Administrator --email admin@localhost \
  --password "$SUPERSET_PASSWORD"
superset fab reset-password --username admin --password "$SUPERSET_PASSWORD"
superset init
# The password goes into an address, where some signs mean something.
reader=$(python -c 'import os, urllib.parse; print(urllib.parse.quote(os.environ["READER_PASSWORD"], safe=""))')
superset set-database-uri --database_name Spotlight --uri "clickhousedb://reader:$reader@clickhouse:8123/regsho"
