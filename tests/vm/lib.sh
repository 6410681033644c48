# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables are used where it is sourced
#
# What dev and the scripts of the guest harness share: paths, messages, and the
# kernels that guests run. Sourced; sets no options of the shell.
#
# build/vm/kernels/VERSION  a Debian kernel, unpacked: vmlinuz, modules, headers, initramfs
# build/vm/root-HASH.ext4   a root file system, by the hash of what went into it; without .ext4 a
#                           folder with the same, against which another architecture is built
# build/vm/logs             console logs of guests
# build/kmod-KERNEL         the modules built for that kernel
# build/ARCH                what build/ has beside vm, of another architecture
# build/prometheus, build/npm promtool and Node.js's modules, for the whole test

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD_DIR:-$top/build}
vm=$build/vm
# Debian's kernels, 7.x of a newer Debian (newer_debian); the one that runs every case; and the
# guests: a kernel, or one of them with an option (run has what -preempt, -nojit and -many are).
KERNELS="7.x 6.1 6.12"
STOCK=6.12
GUESTS="$STOCK 6.1 $STOCK-preempt $STOCK-nojit $STOCK-many 7.x"
# Other architectures with a guest, which has the kernel STOCK.
ARCHES="s390x arm64"
# Guests that run only when they are named: mirrors do not always have all of their kernel.
NAMED="s390x-7.x"
PATH=$PATH:/usr/sbin:/sbin:$build/prometheus/usr/bin

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$0: $*"
	exit 1
}

# bootstrap FOLDER SOURCE OPTION...: Debian 12 by mmdebstrap. Whatever the machine trusts, and however it
# reaches its mirror, it does too. SOURCE: one more for apt, or empty.
bootstrap() {
	local folder=$1 source=$2 sources
	shift 2
	# shellcheck disable=SC2016 # apt expands it
	sources=$(apt-get indextargets --format '$(SOURCESENTRY)' 'Created-By: Packages' \
		'Origin: Debian' | sed 's/:[0-9]*$//' | sort -u)
	[ -n "$sources" ] || die "apt knows no Debian sources: run apt-get update"
	apt-config dump | grep -E '^Acquire::(https?|ftp|Check)' >"$folder.apt.conf" || true
	# shellcheck disable=SC2086 # sources are words
	mmdebstrap --quiet "$@" --aptopt="$folder.apt.conf" --aptopt='APT::Install-Recommends "false"' \
		bookworm "$folder" $sources ${source:+"$source"} >/dev/null
}

# The field FIELD of PACKAGE[=VERSION], of the candidate version unless given.
package_field() {
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -n 1
}

# arch_is ARCH: from now on $build is that of this architecture. All that differs: its name in Debian
# and in the kernel's tree, the prefix of its tools, QEMU's machine, the bus of virtio devices, the
# console, and options to boot with.
# x86_64 without cmpxchg16b: behind it QEMU 7.2 leaves the flags undefined, and an interrupt that saves
# them there with the bit of virtual 8086 mode ends in a double fault of the guest's kernel.
# Without the check of the timer: it panics where a busy machine does not run QEMU for some ticks.
arch_is() {
	arch=$1
	case $arch in
	x86_64)
		debian=amd64 karch=x86 cross='' bus=pci tty=ttyS0 boot_options=no_timer_check
		machine="qemu-system-x86_64 -machine q35 -cpu max,-cx16"
		return
		;;
	s390x)
		debian=s390x karch=s390 cross=s390x-linux-gnu- bus=ccw tty=ttysclp0 boot_options=
		machine="qemu-system-s390x -machine s390-ccw-virtio -cpu max"
		;;
	arm64)
		debian=arm64 karch=arm64 cross=aarch64-linux-gnu- bus=pci tty=ttyAMA0 boot_options=
		machine="qemu-system-aarch64 -machine virt -cpu cortex-a57"
		;;
	*) die "no guests of architecture $arch: x86_64, s390x or arm64" ;;
	esac
	build=$build/$arch KERNELS=$STOCK
}

# newer_debian SUITE: has apt look at Debian 13, and its backports if they are SUITE, of which the
# machine knows nothing, through its own mirror and keys. All that apt keeps of them is in build/vm.
newer_debian() {
	local apt=$vm/apt-$1-$debian mirror
	mkdir -p "$apt"/{lists,archives}/partial "$apt/none"
	# shellcheck disable=SC2016 # apt expands it
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		'Codename: bookworm' | head -n 1)
	[ -n "$mirror" ] || die "apt knows no mirror of Debian 12: run apt-get update"
	printf "deb $mirror %s main\n" trixie "$1" | sort -u >"$apt/sources.list"
	[ -e "$apt/status" ] || : >"$apt/status"
	# Without the machine's other settings, which may have apt read all indexes anew at each call.
	apt-config dump | grep -E '^Acquire::(https?|ftp|Check)' >"$apt/apt.conf" || true
	cat >>"$apt/apt.conf" <<-APT
		Dir::Etc::parts "$apt/none";
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/none";
		Dir::Etc::preferences "$apt/none/preferences";
		Dir::Etc::preferencesparts "$apt/none";
		APT::Architecture "$debian";
		APT::Architectures { "$debian"; "amd64"; };
		APT::Default-Release "$1";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
	APT
	export APT_CONFIG=$apt/apt.conf
	[ -n "$(package_field "linux-image-$debian" Depends)" ] || apt-get -qq update >&2
}

# KERNEL (6.1, 6.12, 7.x) as Debian's package of the machine's own apt sources
# has it: "RELEASE PACKAGE_VERSION", through the meta package of that name, or
# the unversioned one where it leads there; then those before it which apt knows.
kernel_packages() {
	local kernel=$1 meta depends release package
	release=${kernel//./\\.}
	release=${release/%x/[0-9]+}
	for meta in "linux-image-$kernel-$debian" "linux-image-$debian"; do
		depends=$(package_field "$meta" Depends)
		if [[ $depends =~ linux-image-(${release}[.-][^ ,]*)" (= "([^\)]*)")" ]]; then
			echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
			[ -z "$cross" ] || apt-cache search --names-only "^linux-image-${release}[.][^-]*-$debian\$" |
				sed 's/ .*//; s/^linux-image-//' | grep -vxF "${BASH_REMATCH[1]}" | sort -rV |
				while read -r package; do
					echo "$package $(package_field "linux-image-$package" Version)"
				done
			return 0 # there may be none
		fi
	done
	die "no Debian kernel $kernel for $debian: the machine's apt sources have none (tests use $KERNELS;" \
		"try apt-get update)"
}

# Downloads and unpacks PACKAGE=VERSION ... into DIR.
unpack_packages() {
	local dir=$1
	shift
	mkdir -p "$dir/debs"
	(cd "$dir/debs" && apt-get -qq -o APT::Sandbox::User=root download "$@") ||
		die "cannot download $*: see apt's message above"
	for deb in "$dir"/debs/*.deb; do
		dpkg -x "$deb" "$dir"
	done
	rm -r "$dir/debs"
}
