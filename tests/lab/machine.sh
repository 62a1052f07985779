# The first process of a machine, in namespaces of its own. It lays an overlay
# over a root, such as the host's, so that every program of that is there and
# nothing that is written stays, and starts the init.
#
#   machine.sh DIR idle|openrc|systemd
#
# DIR holds: root/, empty; lower, the root's path; layers, a list of directories
# whose content goes over the root; binds, a list of directories to have at the
# same place; views, the same for those that are only read; cgroups, a list of
# cgroups to be in; mounts, a list of what is to be mounted of them: type,
# options, place; ready, a FIFO that hears when an OpenRC machine is up; notify,
# the socket that hears it of systemd.
set -eu

dir=$1 init=$2
read -r lower < "$dir/lower"

if [ -z "${rooted-}" ]; then
	while read -r cgroup; do
		echo 0 > "$cgroup/cgroup.procs"
	done < "$dir/cgroups"
	# From here on these cgroups are the roots of all that is seen.
	[ "$init" = systemd ] || rooted=yes exec unshare --cgroup sh "$0" "$@"
fi
unset rooted

# A tmpfs takes the writes: it goes with the namespace, and the host's root may
# itself be an overlay.
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 machine "$dir/root"
cd "$dir/root"
mkdir upper work root
mount -t overlay -o "lowerdir=$lower,upperdir=upper,workdir=work" machine root
cd root

# What the host starts by itself is not started here. Without a machine-id
# systemd would take this for a first boot and enable everything.
[ "$lower" != / ] || rm -rf etc/init.d etc/conf.d etc/runlevels etc/rc?.d .dockerenv etc/machine-id \
	etc/systemd/system/*.wants etc/systemd/system/*.requires etc/systemd/system/default.target
echo 0123456789abcdef0123456789abcdef > etc/machine-id
while read -r layer; do
	cp -a "$layer/." .
done < "$dir/layers"

if [ "$init" = systemd ]; then
	mount -t tmpfs -o mode=755 run /run # nspawn keeps its own state there
	set -- --bind="$dir/ready:/dev/ready"
	while read -r bind; do
		set -- "$@" --bind="$bind"
	done < "$dir/binds"
	while read -r view; do
		set -- "$@" --bind-ro="$view"
	done < "$dir/views"
	# A host may have cgroups of both versions, and nspawn would hand on both; from
	# 256 on systemd wants the second version only.
	version=$(chroot . /usr/lib/systemd/systemd --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	[ "$version" -lt 256 ] || export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
	export NOTIFY_SOCKET="$dir/notify"
	exec systemd-nspawn --quiet --boot --directory=. --machine=machine "$@" \
		--register=no --keep-unit --settings=no --link-journal=no --resolv-conf=off --timezone=off \
		--private-network --capability=all --console=pipe --notify-ready=yes < /dev/null
fi

mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm dev/net
for node in null zero full random urandom tty net/tun kvm; do
	[ -e "/dev/$node" ] || continue
	: > "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
: > dev/ready
mount --bind "$dir/ready" dev/ready
mount -t proc proc proc
mount -t sysfs sysfs sys
[ ! -d sys/fs/cgroup ] || grep -q ' /sys/fs/cgroup$' "$dir/mounts" || mount -t tmpfs -o mode=755 cgroup sys/fs/cgroup
while read -r type options place; do
	mkdir -p ".$place"
	mount -t "$type" -o "$options" cgroup ".$place"
done < "$dir/mounts"
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
while read -r bind; do
	mkdir -p ".$bind"
	mount --rbind "$bind" ".$bind"
done < "$dir/binds"
while read -r view; do
	mkdir -p ".$view"
	mount --bind -o ro "$view" ".$view"
done < "$dir/views"

# The host's root is out of reach from here on.
pivot_root . .
umount -l .
cd /
ip link set lo up
hostname machine

if [ "$init" = openrc ]; then
	exec /sbin/openrc-init < /dev/null
fi
mkdir -p /run/openrc
echo default > /run/openrc/softlevel
rc-update -u
echo up > /dev/ready
# To be waited for is what orphans want of a first process.
while :; do
	sleep 3600 &
	wait
done
