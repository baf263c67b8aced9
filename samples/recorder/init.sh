#!/bin/bash
# The first process of the guest: plays the scenario named on the kernel's command line, then powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/netns /tmp/out
ip link set lo up
modprobe -a bridge veth
cd /recorder || exit
timeout 300 python3 -m calico_lab.guest "$SCENARIO" >/tmp/out/console.log 2>&1
echo $? >/tmp/out/status
tail -n 20 /tmp/out/console.log
cp -r /tmp/out/. /recorder/out/
echo o >/proc/sysrq-trigger
sleep 10
