// SPDX-License-Identifier: GPL-2.0
/*
 * encode-forms FORM SEED: writes a snapshot in a form, which is the name of an encoder, or json.
 * The seed determines all of it. The label since is the start of a point, which only protobuf has
 * otherwise. For tests/unit/forms.
 */
#include <inttypes.h>
#include <math.h>
#include <paimon/histogram.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/histogram.h"
#include "serve/encode/encoder.h"
#include "serve/encode/json.h"

static uint64_t state;

/* splitmix64 */
static uint64_t draw(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static const struct metric metrics[] = {
	{.name = "x_events_total", .help = "A \\ and a \"quote\".", .type = METRIC_COUNTER},
	{.name = "x_busy_seconds_total", .help = "Time.", .type = METRIC_COUNTER},
	{.name = "x_memory_bytes", .help = "Memory.", .type = METRIC_GAUGE},
	{.name = "x_level", .help = "A level.", .type = METRIC_GAUGE},
	{.name = "x_info", .help = "What it is.", .type = METRIC_INFO},
	{.name = "x_wait_seconds",
	 .help = "Times.",
	 .type = METRIC_HISTOGRAM,
	 .scheme = &histogram_latency},
	{.name = "x_size", .help = "Sizes.", .type = METRIC_HISTOGRAM, .scheme = &histogram_size},
	{.name = "x_hidden", .help = "Not scraped.", .type = METRIC_GAUGE, .scope = SCOPE_LOCAL},
};

/* Up to 11 pieces, of each length that a length in protobuf may have. */
static void draw_text(char text[512])
{
	static const char *const pieces[] = {"a",
					     "\\",
					     "\"",
					     "\n",
					     "\u00fc",
					     "\U0001f40d",
					     "soft0 {} = , # ",
					     "0123456789012345678901234567890123456789"};

	text[0] = '\0';
	for (uint64_t n = draw(12); n; n--)
		strcat(text, pieces[draw(sizeof(pieces) / sizeof(*pieces))]);
}

/* Of any number of digits. */
static uint64_t draw_number(void)
{
	return draw(UINT64_MAX) >> draw(64);
}

static double draw_real(void)
{
	static const double special[] = {0, INFINITY, -INFINITY, NAN, -0.1, 1e300, 5e-324};
	uint64_t which = draw(14);

	return which < 7 ? special[which] : draw_number() / 1e9;
}

static int add_histogram(struct snapshot *s, const struct metric *metric,
			 const struct label *labels, size_t nr_labels)
{
	uint32_t nr = metric->scheme->nr_bounds + 1;
	uint64_t cells[PAIMON_HIST_CELLS] = {}, filled = draw(4);

	/* None, one, some or all. */
	for (uint64_t n = filled == 3 ? nr : filled * draw(nr); n; n--)
		cells[filled == 3 ? n - 1 : draw(nr)] = draw_number() >> 12;
	return snapshot_add_histogram(s, metric, labels, nr_labels, cells, draw_number());
}

static void add_point(struct snapshot *s, const struct metric *metric, uint64_t number)
{
	char text[512], index[24], since[32];
	struct label labels[] = {{"index", index}, {"text", text}, {"since", since}};
	size_t nr_labels = draw(3) + 1;
	int r;

	snprintf(index, sizeof(index), "%" PRIu64, number);
	draw_text(text);
	s->since_ns = nr_labels == 3 ? draw_number() | 1 : 0;
	snprintf(since, sizeof(since), "%" PRIu64, s->since_ns);
	if (metric->type == METRIC_HISTOGRAM)
		r = add_histogram(s, metric, labels, nr_labels);
	else if (metric->type == METRIC_INFO)
		r = snapshot_add_integer(s, metric, labels, nr_labels, 1);
	else if (metric->type == METRIC_GAUGE && draw(2))
		r = snapshot_add_real(s, metric, labels, nr_labels, draw_real());
	else
		r = snapshot_add_integer(s, metric, labels, nr_labels, draw_number());
	if (r < 0)
		abort();
}

static void encode(const char *form, const struct snapshot *s, struct buffer *buffer)
{
	struct snapshot_json walk = {.snapshot = s};

	for (size_t i = 0; i < NR_ENCODERS; i++)
		if (!strcmp(form, encoders[i].name)) {
			encoders[i].encode(s, buffer);
			return;
		}
	if (strcmp(form, "json"))
		exit(2);
	while (encode_json(&walk, buffer))
		;
}

int main(int argc, char **argv)
{
	struct snapshot *s;
	struct buffer buffer = {};

	if (argc != 3)
		return 2;
	state = strtoull(argv[2], NULL, 10);
	s = snapshot_new(draw(2) ? "replay" : NULL);
	for (size_t i = 0; s && i < sizeof(metrics) / sizeof(*metrics); i++)
		for (uint64_t n = draw(5); n; n--)
			add_point(s, &metrics[i], n);
	if (s)
		encode(argv[1], s, &buffer);
	snapshot_free(s);
	if (buffer.error || fwrite(buffer.data, 1, buffer.size, stdout) != buffer.size)
		return 1;
	free(buffer.data);
	return fclose(stdout) != 0;
}
