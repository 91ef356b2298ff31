#!/bin/sh
# The first program of a machine, in its own namespaces: puts the file systems where a Linux expects them, then becomes init.
#   boot.sh INIT ROOT LOWER DISK [FROM:TO]...     INIT: systemd, or none: the machine only lies there. ROOT: rw or ro, how it is
#   mounted. LOWER: the root that stays as it is. DISK: what the machine writes. FROM is seen at TO.
set -eu
init=$1 mode=$2 lower=$3 disk=$4
shift 4
# In a chroot, / is no mount point: what matters is that mounts below the disk stay in this namespace.
mount --make-rprivate / 2>/dev/null || mount --make-private "$(stat -c %m "$(dirname "$disk")")"
root=$disk/root
mkdir -p "$disk/upper" "$disk/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$disk/upper,workdir=$disk/work" "$root"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
for bind in "$@"; do
  to=$root/${bind#*:}
  if [ -d "${bind%%:*}" ]; then mkdir -p "$to"; else mkdir -p "$(dirname "$to")"; : >>"$to"; fi
  mount --rbind "${bind%%:*}" "$to"
done

mkdir -p "$root/old"
cd "$root"
[ "$mode" = rw ] || mount -o remount,ro "$root"
pivot_root . old 2>/dev/null || mount --move . /
case $init in
systemd) first='/sbin/init --log-target=journal --show-status=no' ;;
none) first='sleep infinity' ;;
esac
exec chroot . /bin/sh -c '
  umount -l /old 2>/dev/null
  mount --make-rshared / 2>/dev/null # as init does on hardware: credentials of units are mounts of their own
  : >/run/machine-begins
  exec env -i container=chargepoint-test PATH=/usr/sbin:/usr/bin:/sbin:/bin '"$first"
