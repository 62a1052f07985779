#!/bin/sh
# deps.sh demo|test: installs what that needs and this machine lacks, when run
# by root where there is apt-get; else says what to install, and fails.
set -eu

# program or /file, and the Debian package that has it
demo='
qemu-system-x86_64 qemu-system-x86
/etc/ssl/certs/ca-certificates.crt ca-certificates
'
test="$demo"'
bash bash
busybox busybox
dash dash
debootstrap debootstrap
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
fish fish
gcc gcc
/usr/include/stdio.h libc6-dev
/lib/systemd/systemd systemd
systemd-nspawn systemd-container
ip iproute2
lxc-attach lxc
lxc-start lxc
mkfs.ext4 e2fsprogs
mandoc mandoc
mount mount
nsenter util-linux
patch patch
qemu-img qemu-utils
shellcheck shellcheck
ssh openssh-client
zsh zsh
'
case ${1-} in
demo) wanted=$demo ;;
test) wanted=$test ;;
*) echo "usage: $0 demo|test" >&2; exit 2 ;;
esac

# missing prints the packages of what is not there.
missing() {
	echo "$wanted" | while read -r what package; do
		case $what in
		'') ;;
		/*) [ -e "$what" ] || echo "$package" ;;
		*) command -v "$what" >/dev/null 2>&1 || echo "$package" ;;
		esac
	done | sort -u | tr '\n' ' '
}

# No lists: nothing can be installed, nor unpacked by the tests themselves.
lists() {
	find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' 2>/dev/null | grep -q .
}

PATH=$PATH:/usr/sbin:/sbin
packages=$(missing)
if ! command -v apt-get >/dev/null 2>&1; then
	[ -z "$packages" ] && exit 0
	echo "$0: there is no apt-get here; install what these Debian packages hold: $packages" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	if [ -n "$packages" ]; then
		echo "$0: missing; as root: apt-get update && apt-get install --no-install-recommends $packages" >&2
		exit 1
	elif ! lists; then
		echo "$0: apt knows no packages; as root: apt-get update" >&2
		exit 1
	fi
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive
if ! lists; then
	echo "deps: apt-get update"
	apt-get -q update
fi
[ -z "$packages" ] && exit 0
echo "deps: apt-get install $packages"
# shellcheck disable=SC2086 # the packages are words
apt-get -q -y install --no-install-recommends $packages || {
	echo "deps: once more, with fresh lists"
	apt-get -q update
	apt-get -q -y install --no-install-recommends $packages
}
still=$(missing)
if [ -n "$still" ]; then
	echo "$0: still missing after the installation: $still" >&2
	exit 1
fi
