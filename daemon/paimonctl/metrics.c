// SPDX-License-Identifier: GPL-2.0
/* paimonctl metrics: prints the result of a scrape unchanged. */
#include <stdio.h>

#include "command.h"

static int take(int option, const char *value, void *user)
{
	(void)option, (void)value;
	*(bool *)user = true;
	return 0;
}

static int run(struct context *context, int argc, char **argv)
{
	const char *path, *accept;
	struct response response;
	bool openmetrics = false;
	int r;

	r = command_options(context, &command_metrics, argc, argv, take, &openmetrics);
	if (r >= 0)
		return r;
	path = context->json ? "/v1/snapshot" : "/metrics";
	accept = context->json ? "application/json"
		 : openmetrics ? CLIENT_OPENMETRICS
			       : "text/plain; version=0.0.4";
	r = client_get(context->client, path, accept, &response);
	if (r < 0)
		return complain_client(context, r);
	if (response.status != 200)
		r = complain_response(path, &response);
	else
		print_text(response.body ?: "", response.length);
	response_clear(&response);
	return r;
}

static const struct option_row options[] = {
	{LONG_OPTION('o'), "openmetrics", NULL,
	 "print OpenMetrics 1.0 instead of the text format 0.0.4", NULL},
	{},
};

const struct command command_metrics = {
	.name = "metrics",
	.summary = "Prints all metrics, as Prometheus sees them",
	.options = options,
	.run = run,
};
