// SPDX-License-Identifier: GPL-2.0
/* paimonctl reload: has paimond read its configuration again, and says how it went. */
#include <stdio.h>

#include "command.h"

static int run(struct context *context, int argc, char **argv)
{
	struct response response;
	int r = command_options(context, &command_reload, argc, argv, "", NULL, NULL, NULL);

	if (r >= 0)
		return r;
	r = client_send(context->client, "POST", "/v1/reload", NULL, &response);
	if (r < 0)
		return complain_client(context, r);
	if (response.status == 200)
		puts(context->json ? response.body : "configuration reloaded");
	else if (response.status == 403)
		r = complain(
			"not permitted to reload (run it as root or as a member of group paimon)");
	else
		r = complain_response("configuration not reloaded, the old one stays in force",
				      &response);
	response_clear(&response);
	return r;
}

const struct command command_reload = {
	.name = "reload",
	.summary = "Has paimond read its configuration again",
	.options = "",
	.run = run,
};
