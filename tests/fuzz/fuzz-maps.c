// SPDX-License-Identifier: GPL-2.0
/*
 * Maps of any content, as a daemon may find them pinned: all of them can be read
 * and served. The input is a list of words to write into zeroed maps. The object
 * is opened and not loaded, which takes no privilege: its programs and hashes
 * answer with an error, the mapped arrays are memory of their exact size.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <string.h>

#include "fuzz.h"
#include "serve/encode/encoder.h"
#include "serve/encode/json.h"
#include "source/iopf/iopf_source.h"
#include "source/pai/pai_source.h"
#include "source/source.h"
#include "util/utf8.h"

#define DEVICES 2
#define CGROUPS 2
#define NR_MAPS 8

/* One write: a word of devices (0), slots (1) and state (2) of IOPF, of CPUs (3), cgroups (4)
 * and state (5) of PAI, or of what departed cgroups (6) and devices (7) had. */
struct step {
	uint8_t map;
	uint8_t unused;
	uint16_t word;
	uint32_t low, high;
} __attribute__((packed));

#define WORD(type, field) (offsetof(struct type, field) / 8)

static const struct step seed_device[] = {
	{0, 0, WORD(iopf_device, state), PLACE_OPEN, 0},
	{0, 0, WORD(iopf_device, name), 0x30766564, 0},
	{0, 0, WORD(iopf_device, requests[1]), 3, 0},
	{0, 0, WORD(iopf_device, stages[IOPF_STAGE_TOTAL].cells[9]), 2, 0},
	{0, 0, WORD(iopf_device, lost[0]), 1, 0},
};
static const struct step seed_slots[] = {
	{0, 0, WORD(iopf_device, state), PLACE_OPEN, 0},
	{0, 0, sizeof(struct iopf_device) / 8 + WORD(iopf_device, state), PLACE_CLOSING, 1},
	{2, 0, WORD(iopf_state, group_timeout_ns), 1000, 0},
	{0, 0, WORD(iopf_device, name), 0x410a2241, 0x5cff},
	{0, 0, sizeof(struct iopf_device) / 8 + WORD(iopf_device, name), 0xffffffff, 0xffffffff},
	{0, 0, WORD(iopf_device, epoch), 5, 5},
	{1, 0, WORD(iopf_slot, key), 1, 1u << 31},
	{1, 0, WORD(iopf_slot, first_ns), 1, 0},
	{1, 0, WORD(iopf_slot, nr), 4, 4},
	{1, 0, 8 * 1023 + WORD(iopf_slot, key), 1, 1u << 31},
	{1, 0, 8 * 1023 + WORD(iopf_slot, first_ns), 1, 0x7fffffff},
};

static const struct step seed_pai[] = {
	{3, 0, WORD(pai_cpu, samples), 7, 0},
	{3, 0, WORD(pai_cpu, malformed), 1, 0},
	{4, 0, WORD(pai_cgroup, counts.counters[1]), 3, 0},
	{4, 0, sizeof(struct pai_cgroup) / 8 + WORD(pai_cgroup, state), PLACE_OPEN, 0},
	{4, 0, sizeof(struct pai_cgroup) / 8 + WORD(pai_cgroup, path), 0x632f612f, 0},
	{4, 0, sizeof(struct pai_cgroup) / 8 + WORD(pai_cgroup, counts.counters[27]), 5, 1},
	{4, 0, sizeof(struct pai_cgroup) / 4 + WORD(pai_cgroup, state), PLACE_CLOSING, 0},
	{4, 0, sizeof(struct pai_cgroup) / 4 + WORD(pai_cgroup, path), 0xff220a5c, 0x41414141},
	{4, 0, sizeof(struct pai_cgroup) / 4 + WORD(pai_cgroup, counts.counters[127]), 5, 1},
	{4, 0, sizeof(struct pai_cgroup) / 4 + WORD(pai_cgroup, counts.counters[2]), 5, 1},
	{5, 0, WORD(pai_state, dropped[0]), 2, 0},
};

const struct seed fuzz_seeds[] = {
	{seed_pai, sizeof(seed_pai)},
	{seed_device, sizeof(seed_device)},
	{seed_slots, sizeof(seed_slots)},
	{},
};

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void write_maps(const uint8_t *data, size_t size, uint64_t *const maps[NR_MAPS],
		       const size_t sizes[NR_MAPS])
{
	struct step step;

	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		maps[step.map % NR_MAPS][step.word % (sizes[step.map % NR_MAPS] / 8)] =
			(uint64_t)step.high << 32 | step.low;
	}
}

/* The number of a varint; *at is moved behind it. */
static uint64_t take_varint(const char **at, const char *end)
{
	uint64_t value = 0;

	for (int shift = 0;; shift += 7) {
		must(*at < end && shift < 64);
		value |= (uint64_t)(**at & 0x7f) << shift;
		if (!(*(*at)++ & 0x80))
			return value;
	}
}

/* Messages one after the other, each a list of whole fields of the kinds that there are. */
static void check_protobuf(const struct buffer *buffer)
{
	for (const char *at = buffer->data, *all = at + buffer->size, *end; at < all;) {
		uint64_t size = take_varint(&at, all);

		must(size && size <= (uint64_t)(all - at));
		for (end = at + size; at < end;) {
			uint64_t key = take_varint(&at, end), value = take_varint(&at, end);

			must(key >> 3 >= 1 && key >> 3 <= 5 && ((key & 7) == 0 || (key & 7) == 2));
			if ((key & 7) == 0)
				continue;
			must(value <= (uint64_t)(end - at));
			at += value;
		}
		must(at == end);
	}
}

/* Each line is a comment, or a series and its value, of UTF-8 without control characters. */
static void check_text(const struct snapshot *snapshot, const struct encoder *encoder)
{
	struct buffer buffer = {};
	bool start = true;
	char *text;
	uint32_t c;
	int length;

	encoder->encode(snapshot, &buffer);
	must(!buffer.error);
	if (encoder == &encoders[ENCODER_PROTOBUF]) {
		check_protobuf(&buffer);
		free(buffer.data);
		return;
	}
	text = buffer_take_string(&buffer);
	must(text);
	for (const char *at = text; *at; at += length) {
		must(!start || *at == '#' || !strncmp(at, "paimon_", 7));
		start = *at == '\n';
		length = utf8_decode(at, &c);
		must(length && (start || (c >= ' ' && (c < 0x7f || c > 0x9f))));
	}
	must(start);
	free(text);
}

static void check_json(const struct snapshot *snapshot)
{
	struct snapshot_json walk = {.snapshot = snapshot, .scope = SCOPE_OPERATORS};
	struct buffer buffer = {};
	struct json_object *object;
	char *text;

	while (encode_json(&walk, &buffer))
		;
	must(!buffer.error);
	text = buffer_take_string(&buffer);
	must(text);
	object = json_tokener_parse(text);
	must(object);
	json_object_put(object);
	free(text);
}

/* Serves what a source reads. r: what its reading may end with, beside 0. */
static void serve(int (*read)(struct source *source, struct snapshot *snapshot),
		  struct source *source, int r)
{
	struct snapshot *snapshot = snapshot_new(NULL);
	int got;

	must(snapshot);
	got = read(source, snapshot);
	must(!got || got == r);
	for (size_t i = 0; i < NR_ENCODERS; i++)
		check_text(snapshot, &encoders[i]);
	check_json(snapshot);
	snapshot_free(snapshot);
}

static void serve_iopf(const struct config *config, uint64_t *const maps[NR_MAPS])
{
	static struct iopf_about about[DEVICES];
	static struct iopf_bpf *bpf;
	struct iopf iopf = {
		.about = about,
		.max_devices = DEVICES,
		.devices = (void *)maps[0],
		.departed = (void *)maps[7],
		.slots = (void *)maps[1],
		.state = (void *)maps[2],
	};
	struct source source = {.ops = &iopf_source, .config = config, .data = &iopf};

	bpf = bpf ?: iopf_bpf__open();
	must(bpf);
	iopf.bpf = bpf;
	serve(iopf_read, &source, 0);
	iopf_events(&iopf);
}

static int read_pai(struct source *source, struct snapshot *snapshot)
{
	const struct pai *pai = source->data;
	struct pai_look *look = pai_samples_look(pai->samples);
	int r;

	must(look);
	r = pai_samples_read(source, look, snapshot);
	free(look);
	return r;
}

static void serve_pai(const struct config *config, uint64_t *const maps[NR_MAPS])
{
	static struct pai_bpf *bpf;
	struct pai_samples samples = {
		.nr_cpus = 1,
		.max_cgroups = CGROUPS,
		.cpus = (void *)maps[3],
		.cgroups = (void *)maps[4],
		.departed = (void *)maps[6],
		.state = (void *)maps[5],
	};
	struct pai pai = {.samples = &samples};
	struct source source = {.ops = &pai_source, .config = config, .replay = true, .data = &pai};

	bpf = bpf ?: pai_bpf__open();
	must(bpf);
	samples.bpf = bpf;
	serve(read_pai, &source, -EBADF);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[NR_MAPS] = {
		DEVICES * sizeof(struct iopf_device),
		DEVICES * IOPF_SLOTS * sizeof(struct iopf_slot),
		sizeof(struct iopf_state),
		sizeof(struct pai_cpu),
		(CGROUPS + 1) * sizeof(struct pai_cgroup),
		sizeof(struct pai_state),
		(CGROUPS + 1) * sizeof(struct pai_counts),
		DEVICES * sizeof(struct iopf_device),
	};
	const struct config config = {};
	uint64_t *maps[NR_MAPS];

	libbpf_set_print(print_nothing);
	for (int i = 0; i < NR_MAPS; i++) {
		maps[i] = calloc(1, sizes[i]);
		must(maps[i]);
	}
	write_maps(data, size, maps, sizes);
	serve_iopf(&config, maps);
	serve_pai(&config, maps);
	for (int i = 0; i < NR_MAPS; i++)
		free(maps[i]);
	return 0;
}
