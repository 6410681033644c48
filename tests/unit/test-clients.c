// SPDX-License-Identifier: GPL-2.0
/* Who goes when there are too many connections, or too much waits to be taken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/clients.h"

#define NR 4

static struct clients clients;
static int ours[NR], theirs[NR];
static struct client *client[NR];

static int setup(void **state)
{
	clients = (struct clients){.max = 3, .max_waiting = 100};
	for (int i = 0; i < NR; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
			return -errno;
		ours[i] = pair[0];
		theirs[i] = pair[1];
		client[i] = NULL;
	}
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < NR; i++) {
		client_free(client[i]);
		close(ours[i]);
		close(theirs[i]);
	}
	return 0;
}

static void add(int i)
{
	client[i] = clients_add(&clients, ours[i]);
	assert_non_null(client[i]);
}

static bool is_gone(int i)
{
	char byte;
	ssize_t n = read(theirs[i], &byte, 1);

	assert_true(n == 0 || (n < 0 && errno == EAGAIN));
	return n == 0;
}

static void test_too_many(void **state)
{
	add(0);
	add(1);
	add(2);
	assert_int_equal(clients.nr, 3);
	client_progress(client[0]);
	add(3);
	assert_false(is_gone(0));
	assert_true(is_gone(1)); /* it stood still for longest */
	assert_false(is_gone(2));
	assert_false(is_gone(3));
	assert_int_equal(clients.nr, 3);
	assert_int_equal(clients.dropped, 1);
	/* What comes of it afterwards counts no more. */
	client_answer(client[1], 50);
	client_progress(client[1]);
	client[1] = client_free(client[1]);
	assert_int_equal(clients.nr, 3);
	assert_int_equal(clients.waiting, 0);
	client[2] = client_free(client[2]);
	assert_int_equal(clients.nr, 2);
	client[3] = client_free(client[3]);
	client[0] = client_free(client[0]);
	assert_int_equal(clients.nr, 0);
	assert_null(clients.first);
	assert_null(clients.last);
}

static void test_too_much(void **state)
{
	add(0);
	add(1);
	add(2);
	client_answer(client[1], 60);
	client_answer(client[2], 40);
	assert_int_equal(clients.waiting, 100);
	client_answer(client[1], 50); /* the one before was taken */
	assert_int_equal(clients.waiting, 90);
	client_progress(client[0]);
	client_answer(client[0], 20);
	/* 2 waits for longest; that is enough. */
	assert_true(is_gone(2));
	assert_false(is_gone(1));
	assert_int_equal(clients.waiting, 70);
	/* One that is larger than all that may wait gets its answer. */
	client_answer(client[0], 500);
	assert_true(is_gone(1));
	assert_false(is_gone(0));
	assert_int_equal(clients.waiting, 500);
	assert_int_equal(clients.dropped, 2);
	client_progress(client[0]);
	assert_int_equal(clients.waiting, 0);
	/* Who waits for nothing does not have to go for memory. */
	client[2] = client_free(client[2]);
	add(3);
	client_answer(client[0], 500);
	assert_false(is_gone(3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_much, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
