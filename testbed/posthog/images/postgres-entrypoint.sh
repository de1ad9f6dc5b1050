#!/bin/sh
# Makes the cluster on the first start, then becomes the server. The variables are those of the official image.
set -eu
: "${PGDATA:?set PGDATA to the data directory}"
: "${POSTGRES_USER:?set POSTGRES_USER}"
: "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}"
POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
PATH="/usr/lib/postgresql/15/bin:$PATH"
umask 077

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # A half-made cluster (killed during initdb) is made again: everything is built beside and renamed at the end.
    building="$PGDATA.building"
    rm -rf "$building"
    mkdir -p "$building"
    secret="$(mktemp)"
    printf '%s\n' "$POSTGRES_PASSWORD" > "$secret"
    initdb --pgdata="$building" --username="$POSTGRES_USER" --pwfile="$secret" --encoding=UTF8 \
        --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --no-instructions
    rm -f "$secret"
    echo "host all all all scram-sha-256" >> "$building/pg_hba.conf"
    if [ "$POSTGRES_DB" != "postgres" ]; then
        # Single-user mode: no listener exists before the data directory is complete.
        printf 'CREATE DATABASE "%s";\n' "$POSTGRES_DB" |
            postgres --single -D "$building" postgres > /dev/null
    fi
    rm -rf "$PGDATA"
    mv "$building" "$PGDATA"
fi

# jit off: the queries are tiny. Small buffers: the figures of a cluster of one machine.
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql \
    -c jit=off -c shared_buffers=64MB -c max_connections=100 -c log_min_messages=warning \
    -c autovacuum_naptime=5min -c wal_writer_delay=1s -c bgwriter_delay=2s "$@"
