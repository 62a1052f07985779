# Makes the root file system of a release, as the first process in namespaces
# of its own: what is mounted and started here ends with it.
#
#   release.sh DIR RELEASE MIRROR KEYRING PACKAGE...
set -eu

dir=$1 release=$2 mirror=$3 keyring=$4
shift 4
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin

mount --make-rprivate /
mount -t proc proc /proc
debootstrap --variant=minbase --keyring="$keyring" "$release" "$dir" "$mirror"
cd "$dir"
mountpoint -q proc || mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mkdir run/lock

# No service starts, and dpkg need not wait for the disk: a root that is not whole
# is thrown away.
printf '#!/bin/sh\nexit 101\n' > usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
echo force-unsafe-io > etc/dpkg/dpkg.cfg.d/unsafe-io
printf 'path-exclude /usr/share/%s/*\n' doc locale man > etc/dpkg/dpkg.cfg.d/lean
cp -L /etc/resolv.conf etc/resolv.conf
# A mirror's copy of sid may be older than its Release file allows.
chroot . apt-get -q -o Acquire::Check-Valid-Until=false update
chroot . apt-get -q -y --no-install-recommends install "$@"

# As the host's root is laid out for machines: nothing starts by itself but what
# OpenRC and systemd need.
chroot . dpkg -L openrc | sed 's|^/||' | sort > run/keep
find etc/init.d etc/runlevels ! -type d | sort | comm -13 run/keep - | xargs -r rm
rm -rf etc/rc?.d etc/machine-id etc/resolv.conf etc/hostname \
	etc/systemd/system/*.wants etc/systemd/system/*.requires etc/systemd/system/default.target \
	var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/*.deb usr/share/doc usr/share/locale usr/share/man \
	usr/sbin/policy-rc.d etc/dpkg/dpkg.cfg.d/unsafe-io etc/dpkg/dpkg.cfg.d/lean
umount run
umount -l proc
