#!/bin/bash
# Starts Postgres as the entrypoint of the official image does, as far as tests need it.
#
# It understands POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD, PGDATA, and /docker-entrypoint-initdb.d/*.{sh,sql,sql.gz}.
#
# On the first start it makes the cluster, sets it up over a server that listens on nothing but
# its socket, stops that one, and becomes the real server. So "ready to accept connections" is
# logged twice, and a client that waits for the second line never meets the server in between.
set -Eeuo pipefail

say() { echo >&2 "entrypoint: $*"; }

# query runs psql on the server of the set-up, whatever PG… variables the container was given.
query() {
	env -u PGHOST -u PGHOSTADDR -u PGPORT psql --no-psqlrc --no-password --quiet \
		--set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" "$@"
}

make_cluster() {
	local hosts=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
	if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$hosts" != trust ]; then
		say 'set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust'
		exit 1
	fi
	# shellcheck disable=SC2086 # POSTGRES_INITDB_ARGS is a list of arguments
	initdb --no-sync --no-instructions --encoding=UTF8 --locale=C.UTF-8 --username="$POSTGRES_USER" \
		--auth-local=trust --auth-host="$hosts" --pwfile=<(echo "${POSTGRES_PASSWORD:-none}") \
		${POSTGRES_INITDB_ARGS:-}
	echo "host all all all $hosts" >>"$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
}

set_up() {
	if [ "$POSTGRES_DB" != postgres ]; then
		query --dbname=postgres --set=name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
	fi
	local file
	shopt -s nullglob
	for file in /docker-entrypoint-initdb.d/*; do
		say "running $file"
		# A script that is not executable is sourced, so that it may export variables.
		# shellcheck disable=SC1090 # which one is known only when the container runs
		case $file in
		*.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
		*.sql) query --dbname="$POSTGRES_DB" --file="$file" ;;
		*.sql.gz) gunzip -c "$file" | query --dbname="$POSTGRES_DB" ;;
		*) say "ignoring $file" ;;
		esac
	done
}

case ${1:-} in
'' | -*) set -- postgres "$@" ;; # flags alone are the server's
esac
if [ "$1" != postgres ]; then
	exec "$@"
fi

# Postgres refuses to run as root: take the folders over, then come back as its own user.
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /run/postgresql
	chown -R postgres:postgres "$PGDATA" /run/postgresql
	chmod 700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups -- "${BASH_SOURCE[0]}" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	export POSTGRES_USER=${POSTGRES_USER:-postgres}
	export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
	make_cluster
	# The caller's own settings hold for the set-up too, except where it listens.
	pg_ctl --silent --wait -o "$(printf '%q ' "${@:2}" -c listen_addresses= -p 5432)" start
	set_up
	pg_ctl --silent --wait --mode=fast stop
	say 'the cluster is ready'
fi
exec "$@"
