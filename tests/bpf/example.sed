# SPDX-License-Identifier: GPL-2.0
# The program in a manual page.
/^\.Bd -literal/,/^\.Ed/{
	/^\.[BE]d/d
	s/\\e/\\/g
	p
}
