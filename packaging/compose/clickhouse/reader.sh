#!/bin/sh
# Makes the user `reader`, who reads the feeds' tables and nothing else. The image runs it once, on an empty volume.
# The newest of rows that are replaced is what it sees (`final`); 2 lets a client change settings, and write nothing.
set -eu
hash=$(printf %s "$READER_PASSWORD" | sha256sum | cut -d ' ' -f 1)
ask() { clickhouse client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --query "$1"; }
ask "CREATE USER IF NOT EXISTS reader IDENTIFIED WITH sha256_hash BY '$hash' SETTINGS readonly = 2, final = 1"
for database in regsho swaps spotlight; do
  ask "GRANT SELECT ON $database.* TO reader"
done
