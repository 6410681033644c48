// SPDX-License-Identifier: GPL-2.0
/*
 * test-handoff-socket PAIMOND EXAMPLE: a paimond of our own, and what processes do to its
 * hand-off socket: what they ought to, and all else. Numbers are those of the
 * invariants (list d). Needs root, and bpffs of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <paimon.h>
#include <paimon/handoff.h>

#include "lib/helpers.h"
#include "command.h"
#include "event/handoff.h"

#define OPERATORS 64999 /* group paimon, here */

static const char *paimond, *example;
static char folder[] = "/tmp/paimon-handoff-XXXXXX";
static char state[64], http_path[64], handoff_path[64], config_path[64];
static pid_t daemon_pid;
static int before; /* descriptors of the daemon, without clients and events */

/* Events */

static int open_event(uint32_t type, uint64_t config, int inherit, pid_t pid, int cpu)
{
	struct perf_event_attr attr = {.type = type,
				       .config = config,
				       .inherit = inherit,
				       .sample_period = inherit ? 0 : 1000000000};

	return perf_event_open(&attr, pid, cpu, -1);
}

static int open_clock(int cpu)
{
	int fd = open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 0, -1, cpu);

	assert_return_code(fd, errno);
	return fd;
}

/* Sockets. What children call must not assert. */

/* Who connects: all that the daemon is told of it. */
static const struct user {
	uid_t uid;
	gid_t gid, also;
} root = {}, member = {1001, 1001, OPERATORS}, another = {1002, OPERATORS, 1002},
  stranger = {12345, 12345, 12345};
static struct user user;

static void become(const struct user *who)
{
	if (seteuid(0) || setgroups(1, &who->also) || setegid(who->gid) || seteuid(who->uid))
		abort();
}

static int connect_to(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	strcpy(address.sun_path, path);
	become(&user);
	fd = dial(&address, type, 0);
	become(&root);
	return fd;
}

static int dial_handoff(void)
{
	int fd = connect_to(handoff_path, SOCK_SEQPACKET);

	assert_return_code(fd, errno);
	return fd;
}

/* The error of the reply; -ECONNRESET: there is none. ret_fd: -1 where there is none. */
static int receive_reply(int socket, struct paimon_handoff_reply *ret_reply, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {ret_reply, sizeof(*ret_reply)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof(*ret_reply))
		return -ECONNRESET;
	c = CMSG_FIRSTHDR(&message);
	*ret_fd = c ? *(int *)CMSG_DATA(c) : -1;
	return ret_reply->error;
}

static struct paimon_handoff_reply last;
static int last_fd;

/* Returns after the daemon has closed its end. */
static void hang_up(int fd)
{
	char text[64];

	shutdown(fd, SHUT_WR);
	while (recv(fd, text, sizeof(text), 0) > 0)
		;
	close(fd);
}

static int ask(const struct paimon_handoff_request *request, const int *fds, size_t nr)
{
	int fd = dial_handoff(), r;

	assert_int_equal(send_message(fd, request, sizeof(*request), fds, nr, 0), sizeof(*request));
	r = receive_reply(fd, &last, &last_fd);
	hang_up(fd);
	if (r < 0 && r != -ECONNRESET) {
		assert_true(last.text[0]);
		assert_int_equal(last.id, 0);
		assert_int_equal(last_fd, -1);
	}
	return r;
}

static int unclaim(const int *fds, size_t nr, const char *name, uint64_t *ret_id)
{
	struct paimon_handoff_request request = {1, PAIMON_HANDOFF_UNCLAIM, .nr = nr};
	int r;

	snprintf(request.name, sizeof(request.name), "%s", name);
	r = ask(&request, fds, nr);
	*ret_id = last.id;
	return r;
}

static int open_kept(uint64_t id, uint32_t cpu)
{
	return ask(&(struct paimon_handoff_request){1, PAIMON_HANDOFF_OPEN, .id = id, .cpu = cpu},
		   NULL, 0)
		       ?: last_fd;
}

static int claim(uint64_t id)
{
	return ask(&(struct paimon_handoff_request){1, PAIMON_HANDOFF_CLAIM, .id = id}, NULL, 0);
}

/* What the daemon says, over its other socket. */
static struct json_object *get(const char *path)
{
	static char answer[1 << 18];
	int fd = connect_to(http_path, SOCK_STREAM);
	size_t size = 0;
	char *body;
	ssize_t n;

	assert_return_code(fd, errno);
	assert_true(dprintf(fd, "GET %s HTTP/1.0\r\n\r\n", path) > 0);
	while ((n = read(fd, answer + size, sizeof(answer) - 1 - size)) > 0)
		size += n;
	close(fd);
	answer[size] = '\0';
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	return json_tokener_parse(body);
}

static struct json_object *list(void)
{
	return get("/v1/events");
}

static size_t nr_listed(void)
{
	struct json_object *events = list();
	size_t nr = json_object_array_length(events);

	json_object_put(events);
	return nr;
}

/* The daemon takes in who comes last, with what was asked before: then all of it is done. */
static void settle(void)
{
	assert_int_equal(open_kept(0, 0), -ENOENT);
}

/* The daemon sees the end of a connection a little later. */
static void nothing_left(void)
{
	int nr = 0;

	settle();
	for (int i = 0; i < 100 && (nr = count_descriptors(daemon_pid)) != before; i++)
		usleep(20000);
	assert_int_equal(nr, before);
	assert_int_equal(nr_listed(), 0);
}

static void claim_all(void)
{
	struct json_object *events;

	settle();
	events = list();
	for (size_t i = 0; i < json_object_array_length(events); i++)
		assert_int_equal(claim(json_object_get_uint64(json_object_object_get(
					 json_object_array_get_idx(events, i), "id"))),
				 0);
	json_object_put(events);
}

/* The daemon */

static int setup(void **data)
{
	uint64_t id;
	int fd;

	assert_int_equal(mkdir(state, 0700), 0);
	assert_int_equal(mount("bpf", state, "bpf", 0, NULL), 0);
	write_text(config_path,
		   "[paimond]\nstate_dir = %s\nsocket = %s\nlisten = no\nhandoff = %s\n"
		   "[iopf]\nenable = no\n",
		   state, http_path, handoff_path);
	daemon_pid = fork();
	if (!daemon_pid) {
		execl(paimond, paimond, "--config", config_path, NULL);
		_exit(127);
	}
	for (int i = 0; i < 500 && (fd = connect_to(http_path, SOCK_STREAM)) < 0; i++)
		usleep(10000);
	hang_up(fd);
	nr_listed(); /* it is up */
	/* What is loaded for the first one stays. */
	fd = open_clock(0);
	if (unclaim(&fd, 1, "first", &id) || claim(id))
		fail_msg("%s", last.text);
	close(fd);
	for (int i = 0, nr = -1; i < 100 && nr != (before = count_descriptors(daemon_pid)); i++) {
		nr = before;
		usleep(20000);
	}
	return 0;
}

static int teardown(void **data)
{
	kill(daemon_pid, SIGTERM);
	wait_for(daemon_pid);
	umount(state);
	rmdir(state);
	unlink(config_path);
	/* The daemon cannot, where it has become another user. */
	unlink(handoff_path);
	unlink(http_path);
	return 0;
}

/* Until SIGCONT. */
static void stop_daemon(void)
{
	assert_int_equal(kill(daemon_pid, SIGSTOP), 0);
	assert_int_equal(waitpid(daemon_pid, NULL, WUNTRACED), daemon_pid);
}

/* Tests */

static void test_d5_d6_d7_d9_d10_d12_use(void **data)
{
	int fds[] = {open_clock(0), open_clock(1)}, fd;
	uint64_t id, again, count;

	assert_int_equal(unclaim(fds, 2, "both", &id), 0);
	assert_true(id > 0);
	close(fds[0]);
	close(fds[1]);
	fd = open_kept(id, 1);
	assert_return_code(fd, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	count = read_count(fd);
	usleep(10000);
	assert_true(read_count(fd) > count);
	assert_int_equal(open_kept(id, 100000), -EINVAL);
	assert_int_equal(open_kept(id + 1, 0), -ENOENT);
	assert_int_equal(claim(id + 1), -EINVAL);
	assert_int_equal(nr_listed(), 1);
	assert_int_equal(claim(id), 0);
	assert_int_equal(claim(id), -EINVAL);
	assert_int_equal(open_kept(id, 1), -ENOENT);
	count = read_count(fd);
	usleep(10000);
	assert_true(read_count(fd) > count);
	assert_int_equal(unclaim(&fd, 1, "", &again), 0);
	assert_true(again > id);
	assert_int_equal(open_kept(again, 0), -ENOENT);
	assert_int_equal(claim(again), 0);
	close(fd);
	nothing_left();
}

/* The opener's process is gone, and its event counts on. */
static void test_d6_process_gone(void **data)
{
	int pipes[2], fd;
	uint64_t id, count;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		fd = open_clock(0);
		_exit(unclaim(&fd, 1, "gone", &id) ||
		      write(pipes[1], &id, sizeof(id)) != sizeof(id));
	}
	assert_int_equal(wait_for(child), 0);
	assert_int_equal(read(pipes[0], &id, sizeof(id)), sizeof(id));
	close(pipes[0]);
	close(pipes[1]);
	fd = open_kept(id, 0);
	assert_return_code(fd, 0);
	count = read_count(fd);
	usleep(10000);
	assert_true(read_count(fd) > count);
	close(fd);
	assert_int_equal(claim(id), 0);
	nothing_left();
}

static void test_d11_race(void **data)
{
	for (int round = 0; round < 20; round++) {
		struct paimon_handoff_request request = {1, PAIMON_HANDOFF_UNCLAIM, .nr = 1};
		int fd = open_clock(0), sockets[2], results[2];

		for (int i = 0; i < 2; i++)
			sockets[i] = dial_handoff();
		stop_daemon(); /* both are there when it goes on */
		for (int i = 0; i < 2; i++)
			send_message(sockets[i], &request, sizeof(request), &fd, 1, 0);
		kill(daemon_pid, SIGCONT);
		for (int i = 0; i < 2; i++) {
			results[i] = receive_reply(sockets[i], &last, &last_fd);
			close(sockets[i]);
		}
		assert_int_equal(results[0] + results[1], -EEXIST);
		assert_int_equal(nr_listed(), 1);
		close(fd);
		claim_all();
	}
	nothing_left();
}

static void test_messages(void **data)
{
	const struct paimon_handoff_request good = {1, PAIMON_HANDOFF_UNCLAIM, .nr = 1};
	struct paimon_handoff_request bad;
	int fd = open_clock(0), socket, fds[253];
	char large[200] __attribute__((aligned(8))) = {};
	uint64_t id;

#define BAD(field, value, expected)                            \
	do {                                                   \
		bad = good;                                    \
		bad.field = value;                             \
		assert_int_equal(ask(&bad, &fd, 1), expected); \
	} while (0)
	BAD(version, 0, -EPROTONOSUPPORT);
	BAD(version, 2, -EPROTONOSUPPORT);
	BAD(op, 0, -EINVAL);
	BAD(op, 4, -EINVAL);
	BAD(op, PAIMON_HANDOFF_OPEN, -EINVAL);
	BAD(op, PAIMON_HANDOFF_CLAIM, -EINVAL);
	BAD(id, 1, -EINVAL);
	BAD(cpu, 1, -EINVAL);
	BAD(nr, 0, -EINVAL);
	BAD(nr, 2, -EINVAL);
	bad = good;
	memset(bad.name, 'x', sizeof(bad.name));
	assert_int_equal(ask(&bad, &fd, 1), -EINVAL);
	assert_int_equal(ask(&good, NULL, 0), -EINVAL);
	bad = (struct paimon_handoff_request){1, PAIMON_HANDOFF_CLAIM, .id = 1};
	assert_int_equal(ask(&bad, &fd, 1), -EINVAL); /* a descriptor that nobody asked for */

	((struct paimon_handoff_request *)large)->version = 1;
	/* Another size, with a descriptor, on a connection that goes on. */
	socket = dial_handoff();
	for (size_t size = 1; size <= sizeof(large); size++) {
		if (size == sizeof(good))
			continue;
		assert_int_equal(send_message(socket, large, size, &fd, 1, 0), size);
		assert_int_equal(receive_reply(socket, &last, &last_fd), -EMSGSIZE);
	}
	send_message(socket, large, 0, &fd, 1, 0); /* the end, as far as a reader can tell */
	assert_int_equal(receive_reply(socket, &last, &last_fd), -ECONNRESET);
	close(socket);

	for (int i = 0; i < 253; i++)
		fds[i] = fd;
	assert_int_equal(unclaim(fds, 64, "", &id), -EINVAL); /* of one CPU */
	assert_int_equal(unclaim(fds, 65, "", &id), -EINVAL);
	assert_int_equal(unclaim(fds, 253, "", &id), -EINVAL);
	close(fd);
	nothing_left();
}

/* The limit of descriptors under which the daemon can have nr more. */
static rlim_t limit_for(int nr)
{
	char path[64], target;
	rlim_t fd = 0;

	for (; nr > 0; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%ju", daemon_pid, (uintmax_t)fd);
		nr -= readlink(path, &target, 1) < 0;
	}
	return fd;
}

/* Not all descriptors fit into the daemon. */
static void test_d8_truncated(void **data)
{
	int fds[] = {open_clock(0), open_clock(1), open_clock(0), open_clock(1)};
	struct rlimit limit, low;
	uint64_t id;
	int r;

	assert_int_equal(prlimit(daemon_pid, RLIMIT_NOFILE, NULL, &limit), 0);
	low = limit;
	low.rlim_cur = limit_for(4); /* one of them is the connection */
	assert_int_equal(prlimit(daemon_pid, RLIMIT_NOFILE, &low, NULL), 0);
	r = unclaim(fds, 4, "", &id);
	assert_int_equal(prlimit(daemon_pid, RLIMIT_NOFILE, &limit, NULL), 0);
	assert_int_equal(r, -EMFILE);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	nothing_left();
}

static void refused(int fd, int expected)
{
	uint64_t id;

	assert_return_code(fd, errno);
	assert_int_equal(unclaim(&fd, 1, "", &id), expected);
	close(fd);
}

static void test_d2_d4_other_descriptors(void **data)
{
	char path[] = "/tmp/paimon-handoff-file-XXXXXX";
	size_t size = 2 * sysconf(_SC_PAGESIZE);
	int fd = mkstemp(path), pipes[2];
	uint64_t id;
	void *buffer;

	unlink(path);
	refused(fd, -EBADF);
	refused(socket(AF_UNIX, SOCK_STREAM, 0), -EBADF);
	refused(dial_handoff(), -EBADF);
	refused(bpf_map_create(BPF_MAP_TYPE_ARRAY, "test", 4, 4, 1, NULL), -EBADF);
	refused(epoll_create1(0), -EBADF);
	refused(memfd_create("anon_inode:[perf_event]", 0), -EBADF);
	refused(syscall(SYS_pidfd_open, getpid(), 0), -EBADF);
	refused(open("/dev/null", O_PATH), -EBADF);
	assert_int_equal(pipe(pipes), 0);
	refused(pipes[0], -EBADF);
	close(pipes[1]);
	refused(open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 0, 0, -1), -EINVAL);
	refused(open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 0, getpid(), 0), -EINVAL);
	refused(open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 1, -1, 0), -EOPNOTSUPP);
	fd = open_clock(0);
	buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(buffer, MAP_FAILED);
	assert_int_equal(unclaim(&fd, 1, "", &id), -EBUSY);
	munmap(buffer, size);
	close(fd);
	nothing_left();
}

/* A client dies between its request and the reply: nobody knows the id, nothing is kept. */
static void test_d8_dies_half_way(void **data)
{
	struct paimon_handoff_request request = {1, PAIMON_HANDOFF_UNCLAIM, .nr = 1};
	int fd = open_clock(0), socket = dial_handoff();

	stop_daemon();
	send_message(socket, &request, sizeof(request), &fd, 1, 0);
	close(socket);
	close(fd);
	kill(daemon_pid, SIGCONT);
	nothing_left();
}

/* Clients that stand still, by far too many, and one that takes no replies. */
static void test_stalled(void **data)
{
	struct paimon_handoff_request request = {1, PAIMON_HANDOFF_OPEN, .id = 0};
	int idle[200], fd = open_clock(0), socket;
	uint64_t id;

	assert_int_equal(unclaim(&fd, 1, "", &id), 0);
	close(fd);
	for (int i = 0; i < 200; i++)
		idle[i] = dial_handoff();
	fd = open_kept(id, 0);
	assert_return_code(fd, 0);
	close(fd);
	assert_true(count_descriptors(daemon_pid) < before + 80);
	socket = dial_handoff();
	request.id = id;
	for (int i = 0; i < 5000; i++)
		if (send_message(socket, &request, sizeof(request), NULL, 0, 0) < 0)
			break;
	fd = open_kept(id, 0);
	assert_return_code(fd, 0);
	close(fd);
	close(socket);
	for (int i = 0; i < 200; i++)
		close(idle[i]);
	assert_int_equal(claim(id), 0);
	nothing_left();
}

/* 64 at once; in the second round they go without having seen the reply. */
static void test_64_clients(void **data)
{
	for (int round = 0; round < 2; round++) {
		pid_t children[64];
		int start[2], failed = 0;
		char go;

		assert_int_equal(pipe(start), 0);
		for (int i = 0; i < 64; i++) {
			children[i] = fork();
			if (!children[i]) {
				struct paimon_handoff_request request = {1, PAIMON_HANDOFF_UNCLAIM,
									 .nr = 1};
				int fd = open_clock(i & 1), socket;

				close(start[1]);
				if (read(start[0], &go, 1))
					_exit(2);
				socket = connect_to(handoff_path, SOCK_SEQPACKET);
				if (send_message(socket, &request, sizeof(request), &fd, 1, 0) < 0)
					_exit(3);
				close(fd);
				_exit(round ? 0 : receive_reply(socket, &last, &last_fd) ? 4 : 0);
			}
		}
		close(start[0]);
		close(start[1]);
		for (int i = 0; i < 64; i++) {
			failed += !!wait_for(children[i]);
		}
		assert_int_equal(failed, 0);
		if (!round)
			assert_int_equal(nr_listed(), 64);
		claim_all();
		nothing_left();
	}
}

static void test_library(void **data)
{
	int fds[] = {open_clock(0), open_clock(1)}, fd;
	uint64_t id = 0, other;

	assert_int_equal(paimon_unclaim(fds, 0, NULL, &id), -EINVAL);
	assert_int_equal(paimon_unclaim(fds, 65, NULL, &id), -EINVAL);
	assert_int_equal(paimon_unclaim(fds, 2, "a b", &id), -EINVAL);
	assert_non_null(strstr(paimon_error(), "\"a b\" is not a valid name"));
	assert_int_equal(id, 0);
	assert_int_equal(paimon_unclaim(fds, 2, "library", &id), 0);
	assert_int_equal(paimon_unclaim(fds, 1, NULL, &other), -EEXIST);
	assert_non_null(strstr(paimon_error(), "already kept"));
	fd = paimon_open(id, 1);
	assert_return_code(fd, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(read_count(fd));
	close(fd);
	assert_int_equal(paimon_open(id, 100000), -EINVAL);
	assert_int_equal(paimon_open(id + 1, 0), -ENOENT);
	assert_int_equal(paimon_claim(id), 0);
	assert_int_equal(paimon_claim(id), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	nothing_left();
	setenv("PAIMON_HANDOFF", "/tmp/no/such/socket", 1);
	assert_int_equal(paimon_claim(id), -ECONNREFUSED);
	assert_non_null(strstr(paimon_error(), "/tmp/no/such/socket: paimond does not run"));
	setenv("PAIMON_HANDOFF", handoff_path, 1);
}

/* An event of the kernel's own cannot be changed while it counts, with the module or without it. */
static void test_configure(void **data)
{
	uint64_t values[3] = {1, 2, 3};
	int fd = open_clock(0), wanted = access("/dev/paimon", F_OK) ? -ENODEV : -EOPNOTSUPP;

	assert_int_equal(paimon_configure(fd, values), wanted);
	assert_non_null(strstr(paimon_error(), "open the perf event anew"));
	assert_int_equal(paimon_configuration(fd, values), wanted);
	assert_true(values[0] == 1 && values[1] == 2 && values[2] == 3);
	close(fd);
}

/* The program of libpaimon(3). */
static void test_example(void **data)
{
	char line[80];
	FILE *output = popen(example, "r");
	unsigned long long id, count;

	assert_non_null(output);
	assert_non_null(fgets(line, sizeof(line), output));
	assert_int_equal(sscanf(line, "event %llu: %llu ns", &id, &count), 2);
	assert_true(id && count);
	assert_int_equal(pclose(output), 0);
	nothing_left();
}

/* What paimonctl's handoff.c has of the rest of paimonctl. */

int complain(const char *format, ...)
{
	return EXIT_FAILED;
}

struct client *client_free(struct client *client)
{
	return NULL;
}

int print_json(struct json_object *object)
{
	assert_true(json_object_get_uint64(json_object_object_get(object, "id")));
	json_object_put(object);
	return EXIT_DONE;
}

int get_json(struct context *context, const char *path, struct json_object **ret_object)
{
	*ret_object = get(path);
	return EXIT_DONE;
}

/* paimonctl event adopt */
static void test_adopt(void **data)
{
	const struct context context = {.json = true};
	int fd = open_clock(0), none = 999;
	struct json_object *events;
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	close(fd);
	assert_int_equal(handoff_adopt(&context, child, &none, 1, NULL), EXIT_FAILED);
	assert_int_equal(handoff_adopt(&context, child, &fd, 0, NULL), EXIT_FAILED);
	assert_int_equal(handoff_adopt(&context, child, &fd, 1, "adopted"), EXIT_DONE);
	assert_int_equal(handoff_adopt(&context, child, &fd, 1, NULL), EXIT_FAILED);
	kill(child, SIGKILL);
	wait_for(child);
	assert_int_equal(handoff_adopt(&context, child, &fd, 1, NULL), EXIT_FAILED);
	events = list();
	assert_string_equal(json_object_get_string(json_object_object_get(
				    json_object_array_get_idx(events, 0), "name")),
			    "adopted");
	json_object_put(events);
	claim_all();
	nothing_left();
}

/* paimonctl event exec */
static void test_exec(void **data)
{
	static char *commands[][4] = {
		{"sh", "-c",
		 "test \"$LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES\" = \"2 $$ cpu0:cpu1\" &&"
		 "for fd in 3 4; do readlink /proc/self/fd/$fd; done | grep -c perf_event | grep -qx 2",
		 NULL},
		{"/no/such/command", NULL},
	};
	int fds[] = {open_clock(0), open_clock(1)};
	struct context context = {};
	uint64_t id;

	assert_int_equal(unclaim(fds, 2, "exec", &id), 0);
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();

		if (!child)
			_exit(handoff_exec(&context, i < 2 ? id : id + 1, commands[i & 1]));
		assert_int_equal(WEXITSTATUS(wait_for(child)), i ? EXIT_FAILED : 0);
	}
	close(fds[0]);
	close(fds[1]);
	claim_all();
	nothing_left();
}

static int be_root(void **data)
{
	user = root;
	return 0;
}

/* Who may not, even where the socket lets them. */
static void test_d7_stranger(void **data)
{
	int fd = open_clock(0);
	uint64_t id, none;

	assert_int_equal(unclaim(&fd, 1, "", &id), 0);
	user = stranger;
	assert_int_equal(connect_to(handoff_path, SOCK_SEQPACKET), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(chmod(handoff_path, 0666), 0);
	assert_int_equal(unclaim(&fd, 1, "", &none), -EACCES);
	assert_int_equal(open_kept(id, 0), -EACCES);
	assert_int_equal(claim(id), -EACCES);
	assert_int_equal(chmod(handoff_path, 0660), 0);
	be_root(NULL);
	assert_int_equal(claim(id), 0);
	close(fd);
	nothing_left();
}

/* Members of the group may have events kept, each their own. */
static void test_d7_d15_members(void **data)
{
	int fd = open_clock(1);
	uint64_t id;

	user = member;
	assert_int_equal(unclaim(&fd, 1, "", &id), 0);
	close(fd);
	fd = open_kept(id, 1);
	assert_return_code(fd, 0);
	close(fd);
	assert_int_equal(open_kept(id, 0), -ENOENT);
	assert_int_equal(open_kept(id, 100000), -EINVAL);
	user = another;
	assert_int_equal(open_kept(id, 1), -EACCES);
	assert_non_null(strstr(last.text, "belongs to user 1001"));
	assert_int_equal(claim(id), -EACCES);
	user = root;
	fd = open_kept(id, 1);
	assert_return_code(fd, 0);
	close(fd);
	user = member;
	assert_int_equal(claim(id), 0);
	be_root(NULL);
	nothing_left();
}

static void test_d14_unprivileged(void **data)
{
	static const char *const keys[][2] = {{"name", "listed"},
					      {"config", "0x0"},
					      {"cpus", "[0,1]"},
					      {"descriptors", "3"}};
	int fds[] = {open_clock(0), open_clock(1)};
	struct json_object *events, *event;
	uint64_t id;

	assert_int_equal(unclaim(fds, 2, "listed", &id), 0);
	for (int i = 0; i < 3; i++)
		close(open_kept(id, i & 1));
	user = stranger;
	events = list();
	be_root(NULL);
	assert_true(json_object_is_type(events, json_type_array));
	event = json_object_array_get_idx(events, 0);
	assert_int_equal(json_object_get_uint64(json_object_object_get(event, "id")), id);
	assert_true(json_object_get_string_len(json_object_object_get(event, "pmu")) > 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		struct json_object *value = json_object_object_get(event, keys[i][0]);

		assert_string_equal(
			json_object_is_type(value, json_type_string)
				? json_object_get_string(value)
				: json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
			keys[i][1]);
	}
	json_object_put(events);
	claim_all();
	close(fds[0]);
	close(fds[1]);
	nothing_left();
}

/* The machine may have no group paimon; the daemon asks for no other. */
static int make_group(void)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/group", folder);
	write_text(path, "paimon:x:%d:\n", OPERATORS);
	r = mount(path, "/etc/group", NULL, MS_BIND, NULL);
	unlink(path);
	return r;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_d5_d6_d7_d9_d10_d12_use),
		cmocka_unit_test(test_d6_process_gone),
		cmocka_unit_test(test_d11_race),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_d8_truncated),
		cmocka_unit_test(test_d2_d4_other_descriptors),
		cmocka_unit_test(test_d8_dies_half_way),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_64_clients),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_configure),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_exec),
		cmocka_unit_test_teardown(test_d7_stranger, be_root),
		cmocka_unit_test_teardown(test_d7_d15_members, be_root),
		cmocka_unit_test_teardown(test_d14_unprivileged, be_root),
	};
	int r;

	paimond = argv[1];
	example = argv[2];
	if (geteuid() != 0 || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		puts("needs root, to load BPF programs and mount bpffs, and two CPUs");
		return 77;
	}
	/* The mounts are nobody else's, and end with this process. */
	if (own_mounts() < 0 || !mkdtemp(folder) || chmod(folder, 0755) < 0) {
		perror("cannot set up a private folder");
		return 1;
	}
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(http_path, sizeof(http_path), "%s/http.sock", folder);
	snprintf(handoff_path, sizeof(handoff_path), "%s/handoff.sock", folder);
	setenv("PAIMON_HANDOFF", handoff_path, 1);
	if (make_group() < 0) {
		perror("cannot have a group paimon");
		return 1;
	}
	snprintf(config_path, sizeof(config_path), "%s/paimond.conf", folder);
	cmocka_set_test_filter(getenv("PAIMON_TESTS"));
	r = cmocka_run_group_tests(tests, setup, teardown);
	rmdir(folder);
	return r;
}
