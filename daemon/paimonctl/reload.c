// SPDX-License-Identifier: GPL-2.0
/* paimonctl reload: has paimond read its configuration again, and says how it went. */
#include <stdio.h>

#include "command.h"

static int run(struct context *context, int argc, char **argv)
{
	int r = command_options(context, &command_reload, argc, argv, "", NULL, NULL, NULL);
	struct json_object *answer, *failures;

	if (r >= 0)
		return r;
	r = ask_json(context, "POST", "/v1/reload", NULL,
		     "configuration not reloaded, the old one stays in force", json_type_object,
		     &answer);
	if (r)
		return r;
	if (context->json)
		return print_json(answer);
	puts("configuration reloaded");
	/* Of systemctl reload this is in the journal. */
	if (json_object_object_get_ex(answer, "failures", &failures))
		complain("but %s", json_object_get_string(failures));
	json_object_put(answer);
	return EXIT_DONE;
}

const struct command command_reload = {
	.name = "reload",
	.summary = "Has paimond read its configuration again",
	.options = "",
	.run = run,
};
