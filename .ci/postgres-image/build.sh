#!/bin/bash
# Builds a small Postgres image out of this machine's own Debian Postgres files, for machines
# that run containers but reach no registry.
#
#	build.sh [image]        default: seq-postgres:<major>
#
# It takes the newest major version under /usr/lib/postgresql, needs no root, and works for
# whatever the machine is (amd64, arm64): what a program links is asked of ldd.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

major=$(find /usr/lib/postgresql -path '*/bin/postgres' -printf '%P\n' | cut -d/ -f1 | sort -n | tail -1)
[ "$major" ] || { echo >&2 "no Postgres under /usr/lib/postgresql; try: apt-get install postgresql"; exit 1; }
image=${1:-seq-postgres:$major}
pg=/usr/lib/postgresql/$major

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# copy brings files into the image under the path they have here. Debian's /bin, /lib and /sbin
# are links into /usr, and so are the image's: a file is stored once, whichever way it was named.
copy() {
	local file path
	for file; do
		path=$(realpath "$(dirname "$file")")/$(basename "$file")
		mkdir -p "$root$(dirname "$path")"
		cp -Lr "$file" "$root$path"
	done
}

skeleton() {
	mkdir -p "$root"/{etc,dev,proc,sys,run/postgresql,tmp,docker-entrypoint-initdb.d} \
		"$root"/usr/{bin,sbin,lib,local/bin} "$root"/var/lib/postgresql/data
	local dir
	for dir in bin sbin lib lib64; do
		[ ! -L /$dir ] || { mkdir -p "$root/usr/$dir" && ln -s "usr/$dir" "$root/$dir"; }
	done
	ln -s /run "$root/var/run"
	chmod 1777 "$root/tmp"
	cat >"$root/etc/passwd" <<-'END'
		root:x:0:0:root:/root:/bin/bash
		postgres:x:999:999:postgres:/var/lib/postgresql:/bin/bash
	END
	printf '%s\n' root:x:0: postgres:x:999: >"$root/etc/group"
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

# programs are the server's, and the few that the entrypoint, testcontainers' port check
# (sh, cat, awk, grep) and init scripts use. JIT stays behind: it would bring all of LLVM along.
programs() {
	local bin tool
	for bin in postgres initdb pg_ctl pg_isready psql pg_dump pg_restore createdb dropdb; do
		printf '%s\n' "$pg/bin/$bin"
	done
	for tool in bash sh awk cat chmod chown cp date env false grep gunzip gzip head id kill locale ls mkdir \
		mv rm sed setpriv sleep sort tail test touch tr true; do
		type -P "$tool"
	done
	find "$pg/lib" -name '*.so' -not -name 'llvmjit*'
}

skeleton
mapfile -t files < <(programs)
# What they load: the libraries (third field) and the loader itself (first field). ldd complains
# about scripts such as gunzip; those load nothing.
mapfile -t libs < <({ ldd "${files[@]}" 2>/dev/null || true; } |
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*[^:]$/ { print $1 }' | sort -u)
# The resolver is loaded by name, so ldd does not see it. It sits beside libc.
libc=$(printf '%s\n' "${libs[@]}" | grep '/libc\.so\.6$')
copy "${files[@]}" "${libs[@]}" "$(dirname "$libc")"/libnss_{files,dns}.so.2
copy "/usr/share/postgresql/$major" /usr/share/zoneinfo
[ ! -d /usr/lib/locale/C.utf8 ] || copy /usr/lib/locale/C.utf8 # newer glibc has it built in
rm -rf "$root/usr/share/postgresql/$major/man" "$root"/usr/share/zoneinfo/{right,posix}
install -m 755 "$here/docker-entrypoint.sh" "$root/usr/local/bin/"

# The image is written as `docker save` writes one and then loaded: `docker import` can not set
# a stop signal (without SIGINT, `docker stop` waits for the last client), and `docker build`
# would need a builder and leave a second image behind.
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
digest=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac
cat >"$work/config.json" <<END
{
	"architecture": "$arch", "os": "linux", "created": "1970-01-01T00:00:00Z",
	"config": {
		"Env": [
			"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$pg/bin",
			"LANG=C.UTF-8", "PG_MAJOR=$major", "PGDATA=/var/lib/postgresql/data"
		],
		"ExposedPorts": {"5432/tcp": {}},
		"Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["postgres"], "StopSignal": "SIGINT"
	},
	"rootfs": {"type": "layers", "diff_ids": ["sha256:$digest"]}
}
END
printf '[{"Config": "config.json", "RepoTags": ["%s"], "Layers": ["layer.tar"]}]\n' "$image" >"$work/manifest.json"
tar -C "$work" -c manifest.json config.json layer.tar | docker load -q
