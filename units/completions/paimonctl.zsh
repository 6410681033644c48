#compdef paimonctl
# SPDX-License-Identifier: GPL-2.0
# Completion of paimonctl in zsh: paimonctl itself says what fits.
local line word
local -a found
while IFS= read -r line; do
	if [[ $line = :files ]]; then
		_files
		return
	fi
	# _describe takes "word" or "word:what it is".
	word=${${line%%$'\t'*}//:/\\:}
	line=${line#*$'\t'}
	found+=("$word${line:+:$line}")
done < <("${words[1]}" complete "${(@)words[2,CURRENT]}" 2>/dev/null)
_describe paimonctl found
