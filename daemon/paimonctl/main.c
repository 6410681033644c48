// SPDX-License-Identifier: GPL-2.0
/* paimonctl: the client of paimond. */
#include <locale.h>

#include "command.h"

int main(int argc, char **argv)
{
	struct context context = {.socket = SOCKET_PATH};
	int r;

	setlocale(LC_CTYPE, "");
	r = output_begin();
	if (r < 0)
		return EXIT_FAILED;
	r = command_run(&context, &command_all, argc, argv);
	client_free(context.client);
	return output_end() && r == EXIT_DONE ? EXIT_FAILED : r;
}
