# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # variables of tests/vm/lib.sh
#
# What `./dev test` runs. The plan is a list of names, FOLDER/TEST; --list prints it.
# What ran says `time NAME SECONDS`; what was planned and does not say so has failed.
# Beside it a test prints lines `ok ...`, `not ok ... - why`, `skip ... - why`.
#
# Sourced by dev, which has what builds. Tests that keep one processor busy run two
# at once, the longest first.

# The newest stock kernel runs all cases. Others run what may differ there.
cases_of() {
	local case
	case $1 in
	"$STOCK") ;;
	s390x | s390x-*) echo 15-bpf 26-real-pai 30-load && return ;;
	arm64) echo 15-bpf 26-real-cspmu 30-load && return ;;
	6.1) echo 10-smoke 30-load 40-restart 45-pins 65-nnpa 67-attribution 90-kernel-handler && return ;;
	debug) echo 20-queue 25-pai 27-cspmu 29-live-config 30-load 67-attribution 70-cycles 90-kernel-handler 95-abuse && return ;;
	7.x) echo 10-smoke 27-cspmu 29-live-config 30-load 40-restart 48-revoked 65-nnpa 67-attribution 90-kernel-handler && return ;;
	*-preempt) echo 10-smoke 30-load 67-attribution && return ;; # 7.x preempts too
	*-many) echo 12-odd && return ;;
	*) echo 10-smoke 30-load 65-nnpa 67-attribution && return ;;
	esac
	for case in tests/vm/cases/*; do
		case ${case##*/} in
		lib | 15-bpf | 26-real-*) ;; # of other architectures
		12-odd) ;; # locks the machine down, and is for many CPUs
		*) echo "${case##*/}" ;;
		esac
	done
}

# What a newcomer runs: it touches every source, in ten minutes from nothing. Its cases repeat
# what they do less often, as on further kernels.
first_plan() {
	printf '%s\n' unit bpf 6.12/{10-smoke,30-load,60-events,65-nnpa}
}

# With the unit and bpf tests only where the build is configured, which knows them.
plan() {
	local kernel patch
	if [ -e "$build/build.ninja" ]; then
		meson test -C "$build" --list --no-rebuild 2>/dev/null |
			sed -nE 's,^paimon:(unit|bpf) / (.*),\1/\2,p'
	fi
	echo unit/sanitized
	for kernel in tests/fuzz/fuzz-*.c; do
		kernel=${kernel##*/}
		echo "unit/${kernel%.c}"
	done
	printf 'package/%s\n' build dkms install guest rpm container
	for kernel in $GUESTS debug; do
		# shellcheck disable=SC2046 # words
		printf "$kernel/%s\n" $(cases_of "$kernel")
	done
	for kernel in $ARCHES $NAMED; do
		[[ $kernel = *-* ]] || echo "$kernel/unit"
		# shellcheck disable=SC2046 # words
		printf "$kernel/%s\n" $(cases_of "$kernel")
	done
	for patch in tests/mutations/*.patch; do
		patch=${patch##*/}
		echo "mutations/${patch%%-*}"
	done | sort -uV
}

# The lines of the plan that are NAME, or in that folder; vm is the guests of all stock kernels.
in_plan() {
	local kernel
	case $1 in
	vm) for kernel in $GUESTS; do in_plan "$kernel"; done ;;
	debug-kernel) in_plan debug ;;
	*) awk -v name="$1" '$0 == name || index($0, name "/") == 1' "$build/plan" ;;
	esac
}

# select_tests [NAME...]: the tests of these names; without a name all but those of NAMED, and those of
# packages, which have not been in CI yet.
select_tests() {
	local name found
	[ $# -gt 0 ] || grep -vE "^(${NAMED// /|}|package)/" "$build/plan"
	for name; do
		found=$(in_plan "${name/#unit\/test-/unit/}")
		[ -n "$found" ] || die "no test $name; ./dev test --list names them all"
		echo "$found"
	done
}

# The tests of a folder among those in build/selected, without the folder's name.
selection=$build/selected
selected() { sed -n "s,^$1/,,p" "$selection"; }

# A suite of meson: suite NAME TEST...
meson_suite() {
	local suite=$1 log=$build/meson-logs/testlog.json
	shift
	rm -f "$log"
	meson test -C "$build" --suite "$suite" --no-rebuild --print-errorlogs "$@" \
		>"$build/$suite.log" 2>&1 || cat "$build/$suite.log" >&2
	python3 - "$suite" "$log" <<-'PYTHON'
		import json, sys
		suite, log = sys.argv[1:]
		try:
		    tests = [json.loads(line) for line in open(log)]
		except FileNotFoundError:
		    tests = []
		for test in tests:
		    name = test["name"].split(" / ")[-1].split(":")[-1]
		    last = ((test.get("stdout") or "").strip().splitlines() or [test["result"]])[-1]
		    if test["result"] == "OK":
		        print(f"ok {suite}/{name}")
		    elif test["result"] == "SKIP":
		        print(f"skip {suite}/{name} - {last}")
		    else:
		        print(f"not ok {suite}/{name} - {test['result']}: see {log}")
		    print(f"time {suite}/{name} {test['duration']:.0f}")
	PYTHON
}

skip_all() {
	local name
	for name in $(selected "$1"); do
		echo "skip $1/$name - $2"
		echo "time $1/$name 0"
	done
}

# The unit tests once more, under ASan and UBSan.
sanitized() {
	local dir=$build/sanitize start=$SECONDS
	[ -e "$dir/build.ninja" ] || meson setup "$dir" -Db_sanitize=address,undefined >&2
	meson compile -C "$dir" >&2
	# Too much asked for is refused, as by malloc() itself.
	if ASAN_OPTIONS=allocator_may_return_null=1 \
		meson test -C "$dir" --suite unit --no-rebuild --print-errorlogs >"$build/sanitize.log" 2>&1; then
		echo "ok unit/sanitized"
	else
		cat "$build/sanitize.log" >&2
		echo "not ok unit/sanitized - see $build/sanitize.log"
	fi
	echo "time unit/sanitized $((SECONDS - start))"
}

# guest FOLDER [KERNEL]: one boot; the cases print the lines themselves. KERNEL: of another architecture.
guest() {
	local kernel=$1 short='' cases status=0 of=(--kernel "$1") log=$vm/logs/cases-$1.console
	[ -z "$cross" ] || of=(--arch "$arch" --kernel "$2") log=$vm/logs/cases-$arch-$2.console
	[ "$kernel" = "$STOCK" ] && [ -z "${PAIMON_SHORT:-}" ] || short=--short
	mapfile -t cases < <(selected "$kernel" | grep -vx unit)
	[ ${#cases[@]} -gt 0 ] || return 0
	tests/vm/run "${of[@]}" --name cases --bare --timeout 4500 -- \
		/tests/run-cases $short "${cases[@]}" |
		sed -uE "s,^(ok|not ok|skip|time) ,&$kernel/," || status=$?
	if [ $status = 0 ]; then
		echo "ok $kernel/guest"
	else
		echo "not ok $kernel/guest - exit status $status: see $log"
	fi
}

# foreign ARCH[-KERNEL]: the unit tests that are programs, emulated by themselves, and a guest.
foreign() {
	local start=$SECONDS kernel
	arch_is "${1%%-*}"
	kernel=${1#"$arch"}
	kernel=${kernel:1}
	kernel=${kernel:-$STOCK}
	mkdir -p "$build"
	(flock 9 && build_daemon) 9>"$build/lock" # with the job of its other kernel
	if selected "$1" | grep -qx unit; then
		if meson test -C "$build" --suite unit --no-rebuild --print-errorlogs >"$build/unit.log" 2>&1; then
			echo "ok $arch/unit"
		else
			cat "$build/unit.log" >&2
			echo "not ok $arch/unit - see $build/unit.log"
		fi
		echo "time $arch/unit $((SECONDS - start))"
	fi
	build_modules "$kernel"
	guest "$1" "$kernel"
	# The same system PMUs, which the firmware describes in the other way.
	if selected "$1" | grep -qx 26-real-cspmu; then
		tests/vm/run --arch "$arch" --kernel "$STOCK-apmt" --name cases --bare --timeout 1200 -- \
			/tests/run-cases --short 26-real-cspmu | sed -unE "s,^(ok|not ok|skip) ,&$arch/,p" ||
			echo "not ok $arch/guest-apmt - see $vm/logs/cases-$arch-$STOCK-apmt.console"
	fi
}

# The jobs of the selection, the longest first. Each keeps one processor busy.
jobs_of() {
	local job tests
	for job in "$STOCK" debug modules live ${GUESTS/#$STOCK/} $ARCHES $NAMED package sanitized fuzz; do
		case $job in
		live) tests='(bpf/|mutations/[df])' ;;
		modules) tests='mutations/[abce]' ;;
		sanitized) tests='unit/sanitized$' ;;
		fuzz) tests='unit/fuzz-' ;;
		*) tests="$job/" ;;
		esac
		! grep -qE "^$tests" "$build/selected" || echo "$job"
	done
}

# run_job JOB: what the tests print, and nothing else, goes to stdout.
run_job() {
	local names
	case $1 in
	fuzz)
		mapfile -t names < <(selected unit | sed -n 's/^fuzz-//p')
		tests/fuzz/run --bounded "${names[@]}"
		;;
	sanitized) sanitized ;;
	live) # On the machine's own kernel: one after the other.
		mapfile -t names < <(selected bpf)
		if [ "$(id -u)" != 0 ]; then
			skip_all bpf "needs root"
		elif ! grep -q '^[^ ]* [^ ]* [^ ]* [^ ]* / ' /proc/self/mountinfo; then
			skip_all bpf "no mounts of one's own in a chroot whose / is no mount: bind it to itself"
		elif [ ${#names[@]} -gt 0 ]; then
			meson_suite bpf "${names[@]}"
		fi
		mapfile -t names < <(selected mutations | grep '^[df]')
		[ ${#names[@]} = 0 ] || tests/mutations/events "${names[@]}"
		;;
	modules)
		mapfile -t names < <(selected mutations | grep '^[abce]')
		tests/mutations/modules "${names[@]}"
		;;
	package)
		mapfile -t names < <(selected package)
		if [ "$(id -u)" != 0 ]; then
			skip_all package "needs root"
		else
			export DEB_BUILD_OPTIONS=parallel=1
			package "$build/packages"
			[[ " ${names[*]} " != *" build "* ]] || package "$build/packages-again"
			mapfile -t names < <(selected package | grep -vxE 'rpm|container')
			[ ${#names[@]} = 0 ] || tests/package/run "$build/packages" "$build/packages-again" "${names[@]}"
			mapfile -t names < <(selected package | grep -xE 'rpm|container')
			[ ${#names[@]} = 0 ] || tests/package/elsewhere "$build/packages" "${names[@]}"
		fi
		;;
	debug)
		build_modules debug
		guest debug
		;;
	s390x* | arm64) foreign "$1" ;;
	*) guest "$1" ;;
	esac || true # what has not run is seen by the plan
}

# run_selected: the whole of it, in a process of its own, which may be ended.
run_selected() {
	local job names
	mapfile -t names < <(selected unit | grep -v -e ^fuzz- -e ^sanitized)
	[ ${#names[@]} = 0 ] || meson_suite unit "${names[@]}"
	for job in $(jobs_of); do
		while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
			wait -n || true
		done
		say "== $job"
		run_job "$job" &
	done
	wait
}

# The kernels whose modules the selection needs, beside the debug kernel.
kernels_needed() {
	local kernel
	for kernel in $KERNELS; do
		! grep -qE "^$kernel(-[a-z]+)?/" "$build/selected" || echo "$kernel"
	done
	! grep -q '^mutations/[abce]' "$build/selected" || echo "$STOCK"
}

# run_tests [all | --list | NAME...]
run_tests() {
	local log=$build/test.log unbuilt='' limit=${PAIMON_TEST_MINUTES:-0} passed failed skipped kernel name left
	for name; do
		case ${name%%/*} in
		--list | all | unit | bpf | package | vm | debug | debug-kernel | mutations) ;;
		*) [[ " $GUESTS $ARCHES $NAMED " = *" ${name%%/*} "* ]] ||
			die "no test $name; ./dev test --list names them all" ;;
		esac
	done
	# All packages in one go.
	if [ "${1:-}" = all ]; then
		# shellcheck disable=SC2086 # words
		need build guests debug-kernel fuzz clients $ARCHES
		need_unpacked
	fi
	NODE_PATH=$(realpath -m "$build/npm/node_modules")
	export NODE_PATH
	configure
	plan >"$build/plan"
	if [ "${1:-}" = --list ]; then
		cat "$build/plan"
		return
	fi
	case ${1:-} in
	all) select_tests ;;
	'')
		export PAIMON_SHORT=yes
		# shellcheck disable=SC2046 # words
		select_tests $(first_plan) | grep -vE '^unit/(sanitized|fuzz-)'
		;;
	*) select_tests "$@" ;;
	esac >"$build/selected"
	[ -s "$build/selected" ] || exit 1
	build_daemon
	! grep -q '^unit/fuzz-' "$build/selected" || need fuzz
	! grep -q ^package/ "$build/selected" || need guests package package-tests
	if grep -qvE '^(unit|bpf|package|mutations/[df])' "$build/selected"; then
		need guests
		! grep -q ^debug/ "$build/selected" || need debug-kernel
		for name in $ARCHES; do
			! grep -q "^${name}[-/]" "$build/selected" || need "$name"
		done
		build_variant
		# What does not build fails by itself, and the tests that need it.
		for kernel in $(kernels_needed | sort -u); do
			build_modules "$kernel" &
			wait $! || unbuilt+=" $kernel"
		done
	fi
	# From the start of dev on: building counts.
	[ "$limit" = 0 ] || limit=$((limit * 60 > SECONDS ? limit * 60 - SECONDS : 1))
	timeout "$limit" "$0" run-selected | tee "$log" || true
	for kernel in $unbuilt; do
		echo "not ok $kernel/modules - they do not all build: see above" | tee -a "$log"
	done
	# What says nothing of its end did not come to one.
	left=$(awk '$1 == "time" { print $2 }' "$log" | grep -vxFf - "$build/selected" || true)
	for name in $left; do
		echo "not ok $name - it did not come to its end"
	done | tee -a "$log"
	echo "the slowest, in seconds:" >&2
	awk '$1 == "time" { print $3, $2 }' "$log" | sort -rn | head -n 20 >&2
	left=$(grep -vxFf "$build/selected" "$build/plan" | cut -d / -f 1 | sort | uniq -c || true)
	[ -z "$left" ] || say "not run (./dev test all runs all but package and $NAMED):" \
		"$(awk '{ printf "%s%s of %s", n++ ? ", " : "", $1, $2 }' <<<"$left")"
	passed=$(grep -c '^ok ' "$log" || true)
	failed=$(grep -c '^not ok ' "$log" || true)
	skipped=$(grep -c '^skip ' "$log" || true)
	grep '^not ok ' "$log" >&2 || true
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
