# SPDX-License-Identifier: GPL-2.0
# Completion of paimonctl in fish: paimonctl itself says what fits.
function __paimonctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] complete $words[2..-1] 2>/dev/null)
    if test "$found" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c paimonctl -f -a '(__paimonctl_complete)'
