// SPDX-License-Identifier: GPL-2.0
/*
 * Maps of any content, as a daemon may find them pinned: all of them can be read
 * and served. The input is a list of words to write into zeroed maps. The object
 * is opened and not loaded, which takes no privilege: its programs and hashes
 * answer with an error, the mapped arrays are memory of their exact size.
 */
#include <bpf/libbpf.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "fuzz.h"
#include "serve/json.h"
#include "serve/openmetrics.h"
#include "source/iopf_source.h"
#include "source/source.h"

#define DEVICES 2

/* One write: a word of devices (0), of slots (1) or of the state (2). */
struct step {
	uint8_t map;
	uint8_t unused;
	uint16_t word;
	uint32_t low, high;
} __attribute__((packed));

#define WORD(type, field) (offsetof(struct type, field) / 8)

static const struct step seed_device[] = {
	{2, 0, WORD(iopf_state, devices), 1, 0},
	{0, 0, WORD(iopf_device, name), 0x30766564, 0},
	{0, 0, WORD(iopf_device, requests[1]), 3, 0},
	{0, 0, WORD(iopf_device, stages[IOPF_STAGE_TOTAL].cells[9]), 2, 0},
	{0, 0, WORD(iopf_device, lost[0]), 1, 0},
};
static const struct step seed_slots[] = {
	{2, 0, WORD(iopf_state, devices), 2, 1},
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

const struct seed fuzz_seeds[] = {
	{seed_device, sizeof(seed_device)},
	{seed_slots, sizeof(seed_slots)},
	{},
};

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void write_maps(const uint8_t *data, size_t size, uint64_t *const maps[3],
		       const size_t sizes[3])
{
	struct step step;

	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		maps[step.map % 3][step.word % (sizes[step.map % 3] / 8)] =
			(uint64_t)step.high << 32 | step.low;
	}
}

/* Each line is a comment, or a series and its value, of characters that any reader takes. */
static void check_text(const struct snapshot *snapshot, enum text_format format)
{
	struct buffer text = {};
	bool start = true;

	encode_text(snapshot, format, &text);
	must(!text.error);
	for (size_t i = 0; i < text.size; i++) {
		must(!start || text.data[i] == '#' || !memcmp(text.data + i, "paimon_", 7));
		start = text.data[i] == '\n';
		must(start || isprint((unsigned char)text.data[i]));
	}
	must(start);
	free(text.data);
}

static void check_json(const struct snapshot *snapshot)
{
	struct json_object *object = encode_json(snapshot), *again;

	must(object);
	again = json_tokener_parse(json_object_to_json_string(object));
	must(json_object_equal(object, again));
	json_object_put(object);
	json_object_put(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct iopf_bpf *bpf;
	static const size_t sizes[3] = {
		DEVICES * sizeof(struct iopf_device),
		DEVICES * IOPF_SLOTS * sizeof(struct iopf_slot),
		sizeof(struct iopf_state),
	};
	uint64_t *maps[3] = {calloc(1, sizes[0]), calloc(1, sizes[1]), calloc(1, sizes[2])};
	struct snapshot *snapshot = snapshot_new(NULL);
	struct config config = {};
	struct iopf iopf = {
		.max_devices = DEVICES,
		.devices = (void *)maps[0],
		.slots = (void *)maps[1],
		.state = (void *)maps[2],
	};
	struct source source = {.ops = &iopf_source, .config = &config, .data = &iopf};

	if (!bpf) {
		libbpf_set_print(print_nothing);
		bpf = iopf_bpf__open();
	}
	must(bpf && maps[0] && maps[1] && maps[2] && snapshot);
	iopf.bpf = bpf;
	write_maps(data, size, maps, sizes);
	must(!iopf_read(&source, snapshot));
	iopf_events(&iopf);
	check_text(snapshot, TEXT_PROMETHEUS);
	check_text(snapshot, TEXT_OPENMETRICS);
	check_json(snapshot);
	snapshot_free(snapshot);
	for (int i = 0; i < 3; i++)
		free(maps[i]);
	return 0;
}
