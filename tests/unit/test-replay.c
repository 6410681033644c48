// SPDX-License-Identifier: GPL-2.0
/* The replay of made-up sources, and what is listed of a source to measure its cost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include <cmocka.h>

#include "lib/failing.h"
#include "source/replay/replay.h"
#include "source/source.h"

static unsigned int nr_played;
static int result; /* of play() */

static int play(struct source *source, struct dice *dice, double rate)
{
	assert_true(rate == 5);
	nr_played++;
	return result;
}

static const struct source_ops plays = {.name = "plays", .play = play}, silent = {.name = "silent"};
static sd_event *event;

static int setup(void **data)
{
	nr_played = 0;
	result = 0;
	return sd_event_new(&event) < 0;
}

static int teardown(void **data)
{
	event = sd_event_unref(event);
	return 0;
}

static void run_until(unsigned int nr)
{
	for (int i = 0; i < 10000 && nr_played < nr; i++)
		assert_true(sd_event_run(event, 1000000) >= 0);
	assert_int_equal(nr_played, nr);
}

/* A program that cannot be run, for a while, does not end it. */
static void test_plays_on(void **data)
{
	struct source sources[] = {{.ops = &silent, .state = SOURCE_OFF},
				   {.ops = &plays, .state = SOURCE_UP}};
	struct replay *replay;

	assert_int_equal(replay_new(sources, 2, event, 5, &replay), 0);
	run_until(2);
	result = -EIO;
	run_until(4);
	result = 0;
	run_until(6);
	sources[1].state = SOURCE_FAILED;
	for (int i = 0; i < 3; i++)
		assert_true(sd_event_run(event, 1000000) > 0);
	assert_int_equal(nr_played, 6);
	sources[1].state = SOURCE_UP;
	run_until(7);
	replay_free(replay);
	/* None is no error. */
	assert_null(replay_free(NULL));
}

static void test_not_up(void **data)
{
	struct source sources[] = {{.ops = &plays, .state = SOURCE_UP},
				   {.ops = &plays, .state = SOURCE_FAILED}};
	struct replay *replay;

	assert_int_equal(replay_new(sources, 2, event, 5, &replay), -ENOTSUP);
}

static struct replay *replay;
static int error;

static void begin(void)
{
	static struct source source = {.ops = &plays, .state = SOURCE_UP};

	error = replay_new(&source, 1, event, 5, &replay);
}

static void check_begun(bool failed)
{
	assert_int_equal(error, failed ? -ENOMEM : 0);
	if (!failed)
		replay_free(replay);
}

static void test_no_memory(void **data)
{
	static const struct failing failing = {"begin", NULL, begin, check_begun};

	assert_true(each_call_fails(&failing) > 0);
}

/* What is more than there is room for is left out, and nothing else. */
static void test_objects(void **data)
{
	static struct source_objects objects;

	source_add_program(&objects, "not loaded", -ENOENT);
	assert_int_equal(objects.nr_programs, 0);
	for (int i = 0; i < SOURCE_MAX_OBJECTS + 3; i++) {
		source_add_program(&objects, "program", i);
		source_add_map(&objects, "map", i);
	}
	assert_int_equal(objects.nr_programs, SOURCE_MAX_OBJECTS);
	assert_int_equal(objects.nr_maps, SOURCE_MAX_OBJECTS);
	assert_int_equal(objects.events, 0);
	assert_int_equal(objects.maps[SOURCE_MAX_OBJECTS - 1].fd, SOURCE_MAX_OBJECTS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plays_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test(test_objects),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
