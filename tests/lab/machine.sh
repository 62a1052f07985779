# The first process of a machine, in namespaces of its own. It lays an overlay
# over the host's root, so that every program of the host is there and nothing
# that is written stays, makes that the root, and becomes the init.
#
#   machine.sh DIR INIT...
#
# DIR holds: root/, empty; layers, a list of directories whose content goes over
# the root; binds, a list of directories to have at the same place; ready, a FIFO
# that hears when the machine is up. INIT is "idle", or a program.
set -eu

dir=$1
shift

# A tmpfs takes the writes: it goes with the namespace, and the host's root may
# itself be an overlay.
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$dir/root"
cd "$dir/root"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work machine root
cd root

# Services of the host are not the machine's, and OpenRC must not take it for a
# container, where some services do not start.
rm -rf etc/init.d etc/conf.d etc/runlevels etc/rc?.d .dockerenv run/systemd
while read -r layer; do
	cp -a "$layer/." .
done < "$dir/layers"

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
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
: > dev/ready
mount --bind "$dir/ready" dev/ready
while read -r bind; do
	mkdir -p ".$bind"
	mount --rbind "$bind" ".$bind"
done < "$dir/binds"

# The host's root is out of reach from here on.
pivot_root . .
umount -l .
cd /
ip link set lo up
hostname machine

if [ "$1" != idle ]; then
	exec "$@" < /dev/null
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
