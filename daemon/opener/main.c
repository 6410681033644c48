// SPDX-License-Identifier: GPL-2.0
/*
 * paimon-opener, started by paimon-opener.socket for a request of paimond. It exits
 * after some time without requests.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "../util/cleanup.h"
#include "../util/log.h"
#include "opener.h"

#define IDLE_MS 30000

int main(void)
{
	struct pollfd listening = {.fd = SD_LISTEN_FDS_START, .events = POLLIN};
	const struct passwd *user = getpwnam("paimond");

	if (sd_listen_fds(1) != 1 ||
	    sd_is_socket_unix(listening.fd, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
		log_error("paimon-opener is started by paimon-opener.socket");
		return EXIT_FAILURE;
	}
	for (;;) {
		int r = poll(&listening, 1, IDLE_MS);
		_cleanup_close_ int fd = -1;

		if (!r)
			return EXIT_SUCCESS;
		if (r > 0)
			fd = accept4(listening.fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			opener_serve(fd, user ? user->pw_uid : 0);
		else if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN) {
			log_error("cannot accept: %s", strerror(errno));
			return EXIT_FAILURE;
		}
	}
}
