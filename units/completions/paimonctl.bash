# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of paimonctl in bash: paimonctl itself says what fits.
_paimonctl() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		if [ "$line" = :files ]; then
			compopt -o filenames
			mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
			return
		fi
		printf -v line %q "${line%%$'\t'*}"
		COMPREPLY+=("$line")
	done < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	# What is behind a colon is a word of its own for readline.
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "${COMP_WORDS[COMP_CWORD]}"
	fi
}
complete -F _paimonctl paimonctl
