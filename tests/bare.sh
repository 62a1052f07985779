#!/bin/sh
# bare.sh: runs make demo and make test, as last committed, in a fresh minimal
# Debian of this host's release that has nothing but Go and make. Everything
# else the two must install themselves. Needs root, debootstrap and the network;
# takes disk space (3 GB while it runs) in the cache directory.
set -eu

say() { echo "bare: $*"; }
fail() { echo "bare: $*" >&2; exit 1; }

# inside is what runs in namespaces of its own: ROOT becomes the root.
inside() {
	root=$1
	mount --make-rprivate /
	mount --bind "$root" "$root"
	cd "$root"
	mount --rbind /dev dev
	mount --rbind /sys sys
	mount -t proc proc proc
	mount -t tmpfs -o mode=755 tmpfs run
	mkdir -p usr/local/go modules
	mount --bind -o ro "$(go env GOROOT)" usr/local/go
	mount --bind -o ro "$(go env GOMODCACHE)/cache/download" modules
	pivot_root . .
	umount -l .
	cd /src
	for goal in demo test; do
		say "make $goal"
		# Modules come from the host's cache: they are not what is tried out, and
		# a host may need its own certificates to reach a proxy.
		env -i HOME=/root LANG=C.UTF-8 CI=true GOTOOLCHAIN=local GOPROXY=file:///modules \
			PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			make "$goal" </dev/null
	done
}

if [ "${1-}" = inside ]; then
	inside "$2"
	exit
fi

[ "$(id -u)" = 0 ] || fail "only root can make a root file system"
for program in debootstrap git go apt-get; do
	command -v "$program" >/dev/null 2>&1 || fail "not installed: $program"
done
# shellcheck source=/dev/null
. /etc/os-release
tree=$(cd "$(dirname "$0")/.." && pwd)
cache=${GUESTRC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/guestrc}
base=$cache/bare-$VERSION_CODENAME
mkdir -p "$cache"

# What this machine's apt uses, without what is not Debian's own.
sources() {
	# shellcheck disable=SC2016 # apt-get expands these
	apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | sort -u
}
mirror=$(sources | awk -v r="$VERSION_CODENAME" '$3 == r { print $2; exit }')
[ -n "$mirror" ] || fail "apt has no source for $VERSION_CODENAME; is \"apt-get update\" due?"

if [ ! -d "$base" ]; then
	say "debootstrap of a minimal $VERSION_CODENAME"
	rm -rf "$base.part"
	debootstrap --variant=minbase --include=make "$VERSION_CODENAME" "$base.part" "$mirror" >"$cache/bare.log" 2>&1 ||
		fail "debootstrap failed, see $cache/bare.log"
	mv "$base.part" "$base"
fi

work=$(mktemp -d "$cache/bare-work.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
cp -a "$base/." "$work"
sources >"$work/etc/apt/sources.list"
cp -L /etc/resolv.conf "$work/etc/resolv.conf"
# No service starts while packages are installed.
printf '#!/bin/sh\nexit 101\n' >"$work/usr/sbin/policy-rc.d"
chmod 755 "$work/usr/sbin/policy-rc.d"
[ -z "$(git -C "$tree" status --porcelain)" ] || say "the tree has changes that are not committed: they are not tried"
git clone -q --no-hardlinks "$tree" "$work/src"
for module in . tools; do
	(cd "$tree/$module" && go mod download)
done
say "$(grep -c '^Package:' "$work/var/lib/dpkg/status") packages are installed before"
unshare --mount --pid --fork --kill-child sh "$tree/tests/bare.sh" inside "$work"
say "$(grep -c '^Package:' "$work/var/lib/dpkg/status") packages are installed after; both commands succeeded"
