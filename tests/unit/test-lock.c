// SPDX-License-Identifier: GPL-2.0
/* One holder of a state_dir, named by its pid to the next; free when it ends. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/helpers.h"
#include "util/lock.h"

static void test_lock(void **state)
{
	char folder[] = "/tmp/paimon-lock-XXXXXX", path[64], byte;
	pid_t holder = 1, child;
	int ready[2], fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/made", folder);
	assert_return_code(pipe(ready), errno);
	child = fork();
	if (child == 0) {
		fd = lock_folder(path, &holder);
		write(ready[1], fd >= 0 ? "y" : "n", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');

	assert_int_equal(lock_folder(path, &holder), -EWOULDBLOCK);
	assert_int_equal(holder, child);

	/* However it ends. */
	assert_return_code(kill(child, SIGKILL), errno);
	wait_for(child);
	fd = lock_folder(path, &holder);
	assert_return_code(fd, -fd);
	assert_int_equal(lock_folder(path, &holder), -EWOULDBLOCK);
	assert_int_equal(holder, getpid());
	close(fd);

	assert_return_code(rmdir(path), errno);
	assert_return_code(rmdir(folder), errno);
	/* The parent is gone: nothing is made up for it. */
	assert_int_equal(lock_folder(path, &holder), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
