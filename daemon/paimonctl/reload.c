// SPDX-License-Identifier: GPL-2.0
/* paimonctl reload: makes paimond read its configuration again, and reports the result. */
#include <stdio.h>

#include "command.h"
#include "json.h"

static int run(struct context *context, int argc, char **argv)
{
	int r = command_options(context, &command_reload, argc, argv, NULL, NULL);
	struct json_object *answer;
	const char *failures, *restart;

	if (r >= 0)
		return r;
	r = ask_json(context, "POST", "/v1/reload", NULL,
		     "configuration not reloaded, the previous one stays in force",
		     json_type_object, &answer);
	if (r)
		return r;
	if (!json_object_get_boolean(json_object_object_get(answer, "reloaded")))
		return complain_foreign(context, "/v1/reload", answer);
	/* With systemctl reload this is in the journal. The configuration is in force in any case.
	 */
	failures = json_text(answer, "failures", NULL);
	if (!context->json)
		show("configuration reloaded\n");
	restart = json_text(answer, "restart", NULL);
	if (restart && !context->json)
		show("takes effect only after a restart of paimond: %s\n", restart);
	if (failures)
		complain("some of it does not count:\n%s", failures);
	r = failures ? EXIT_FAILED : EXIT_DONE;
	if (context->json)
		return print_json(answer) ?: r;
	json_object_put(answer);
	return r;
}

const struct command command_reload = {
	.name = "reload",
	.summary = "Makes paimond reload its configuration",
	.run = run,
};
