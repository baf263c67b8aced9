#!/bin/bash
# setup.sh [FOLDER]: make what record.py boots, as root and once: a Debian root and a User Mode Linux kernel that has
# ipip. FOLDER is build/recorder of this repository unless given; it takes about 700 MB.
set -euo pipefail
folder=${1:-$(cd "$(dirname "$0")/../.." && pwd)/build/recorder}
packages=bird2,ethtool,iproute2,ipset,iptables,iputils-ping,kmod,procps,python3,tcpdump
apt-get update -q
apt-get install -y -q debootstrap
mkdir -p "$folder/kernel"
cd "$folder"
apt-get download -q user-mode-linux
dpkg-deb -x user-mode-linux_*.deb kernel
[ -d root/bin ] || debootstrap --variant=minbase --include="$packages" bookworm root
mkdir -p root/lib/modules
cp -r kernel/usr/lib/uml/modules/* root/lib/modules/
