# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash

# check NAME COMMAND...: a result line; what a command printed is shown if it fails.
check() {
	local name=$1
	shift
	if output=$("$@" 2>&1); then
		echo "ok $name"
	else
		echo "not ok $name - $* : $(tail -n 3 <<<"$output" | tr '\n' ' ')"
	fi
}
