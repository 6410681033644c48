# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # variables are used where it is sourced
#
# What dev and the scripts of the guest harness share: paths, messages, and the
# kernels that guests run. Sourced; sets no options of the shell.
#
# build/vm/kernels/VERSION  a Debian kernel, unpacked: vmlinuz, modules, headers, initramfs
# build/vm/root-HASH.ext4   a root file system, by the hash of what went into it
# build/vm/logs             console logs of guests
# build/kmod-KERNEL         the modules built for that kernel

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD_DIR:-$top/build}
vm=$build/vm
# Debian's kernels, 7.x of a newer Debian (newer_debian); the one that runs every case; and the
# guests: a kernel, or one of them with a boot option (run has what -preempt and -nojit are).
KERNELS="7.x 6.1 6.12"
STOCK=6.12
GUESTS="$STOCK 6.1 $STOCK-preempt $STOCK-nojit 7.x"
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$0: $*"
	exit 1
}

# The field FIELD of PACKAGE[=VERSION], of the candidate version unless given.
package_field() {
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: //p" | head -n 1
}

debian_arch() {
	case $1 in
	x86_64) echo amd64 ;;
	*) die "no guests of architecture $1: only x86_64" ;;
	esac
}

# Has apt look at the backports of Debian 13, which the machine knows nothing of, through its own
# mirror and keys. All that apt keeps of them is in build/vm/apt.
newer_debian() {
	local apt=$vm/apt mirror
	mkdir -p "$apt"/{lists,archives}/partial "$apt/none"
	# shellcheck disable=SC2016 # apt expands it
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		'Codename: bookworm' | head -n 1)
	[ -n "$mirror" ] || die "apt knows no mirror of Debian 12: run apt-get update"
	printf 'deb %s %s main\n' "$mirror" trixie "$mirror" trixie-backports >"$apt/sources.list"
	: >"$apt/status"
	cat >"$apt/apt.conf" <<-APT
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Etc::sourcelist "$apt/sources.list";
		Dir::Etc::sourceparts "$apt/none";
		Dir::Etc::preferences "$apt/none/preferences";
		Dir::Etc::preferencesparts "$apt/none";
		APT::Default-Release "trixie-backports";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
	APT
	export APT_CONFIG=$apt/apt.conf
	[ -n "$(package_field linux-image-amd64 Depends)" ] || apt-get -qq update >&2
}

# KERNEL (6.1, 6.12, 7.x) as Debian's package of the machine's own apt sources
# has it: "RELEASE PACKAGE_VERSION", through the meta package of that name, or
# the unversioned one where it leads there.
kernel_package() {
	local kernel=$1 arch=$2 meta depends release
	release=${kernel//./\\.}
	release=${release/%x/[0-9]+}
	for meta in "linux-image-$kernel-$arch" "linux-image-$arch"; do
		depends=$(package_field "$meta" Depends)
		if [[ $depends =~ linux-image-(${release}[.-][^ ,]*)" (= "([^\)]*)")" ]]; then
			echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
			return
		fi
	done
	die "no Debian kernel $kernel for $arch: the machine's apt sources have none (tests use $KERNELS;" \
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
