// SPDX-License-Identifier: GPL-2.0
/*
 * Misuses /dev/paimon-soft, /dev/paimon, pai_ext and system PMUs. Nothing is asserted but that
 *every call returns: what is at fault shows in the kernel's log, in a module that cannot be
 *unloaded, or in a machine that hangs.
 *
 * soft-abuse random [CALLS [SEED [PROCESSES]]]
 *	Random system calls from several processes of two threads each, valid,
 *	half valid and garbage, with forks, exits and unmapped memory in between.
 *	Prints how many calls succeeded and how many failed, by error.
 * soft-abuse nomem
 *	Each call with its first allocation failing, then with its second, and so
 *	on until it gets through; needs a kernel with CONFIG_FAULT_INJECTION.
 * soft-abuse load MODULE.ko
 *	The same for the loading of a module.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <paimon/nnpa.h>
#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/soft_cspmu.h"

#define DEVICE "/dev/paimon-soft"
#define PAGES 64
#define NR_FILES 4
#define NR_ERRORS 256

static uint32_t pai_type = 0x7fff0000; /* nobody's, until it is known */
static struct device cspmu;	       /* soft0; without a PMU if the module was loaded so */

/* What the threads of a process share. */
struct process {
	int files[NR_FILES];
	int config;	      /* /dev/paimon, or -1: the kernel has no such module */
	int events[NR_FILES]; /* of the system PMU, or -1 */
	uint32_t pasids[8];
	char *memory;
	uint64_t calls;
	uint64_t results[NR_ERRORS]; /* by errno, 0: success */
};

struct thread {
	struct process *process;
	uint64_t random, calls;
};

static uint32_t below(struct thread *t, uint32_t n)
{
	return draw(&t->random, n);
}

/* Mostly good, now and then not. */
static uint32_t mostly(struct thread *t, uint32_t good)
{
	uint32_t roll = below(t, 16);

	return roll ? good : below(t, 2) ? (uint32_t)t->random : below(t, 64);
}

static uint32_t some_pasid(struct thread *t)
{
	return mostly(t, __atomic_load_n(&t->process->pasids[below(t, 8)], __ATOMIC_RELAXED));
}

static void *some_memory(struct thread *t)
{
	return t->process->memory + below(t, PAGES) * 4096;
}

static long submit(struct thread *t, int fd)
{
	struct paimon_soft_request requests[8];
	struct paimon_soft_submit data = {
		.size = mostly(t, sizeof(data)),
		.nr = mostly(t, below(t, 9)),
		.requests = (uintptr_t)requests,
	};

	for (int i = 0; i < 8; i++)
		requests[i] = (struct paimon_soft_request){
			.addr = (uintptr_t)some_memory(t),
			.device = mostly(t, below(t, 3)),
			.pasid = some_pasid(t),
			.grpid = mostly(t, below(t, 8)),
			.perm = mostly(t, 1 + below(t, 3)),
			.flags = mostly(t, PAIMON_IOPF_PASID_VALID | below(t, 16)),
		};
	if (!below(t, 32))
		data.requests = (uintptr_t)some_memory(t);
	/* More than eight of them lie beyond the array, on the stack. */
	if (data.nr > 8 && data.nr <= PAIMON_SOFT_MAX_REQUESTS)
		data.nr = 8;
	return ioctl(fd, PAIMON_SOFT_SUBMIT, &data);
}

static long bind_or_not(struct thread *t, int fd)
{
	struct paimon_soft_bind bind = {.size = mostly(t, sizeof(bind)), .pasid = some_pasid(t)};
	long r;

	if (below(t, 3))
		return ioctl(fd, PAIMON_SOFT_UNBIND, &bind);
	r = ioctl(fd, PAIMON_SOFT_BIND, &bind);
	if (!r)
		__atomic_store_n(&t->process->pasids[below(t, 8)], bind.pasid, __ATOMIC_RELAXED);
	return r;
}

static long garbage(struct thread *t, int fd)
{
	unsigned int size = below(t, 200);
	uint32_t data[64];

	for (int i = 0; i < 64; i++)
		data[i] = mostly(t, i ? 0 : size);
	return ioctl(fd, _IOC(below(t, 4), PAIMON_SOFT_IOC, below(t, 8), size),
		     below(t, 8) ? (void *)data : some_memory(t));
}

static long fail_alloc(struct thread *t, int fd)
{
	struct paimon_soft_fail data = {.size = mostly(t, sizeof(data)), .nth = below(t, 8)};

	return ioctl(fd, PAIMON_SOFT_FAIL_ALLOC, &data);
}

/* The life of an event, with work that it may count. */
static long event(struct thread *t, int fd)
{
	static const unsigned long requests[] = {
		PERF_EVENT_IOC_ENABLE,	    PERF_EVENT_IOC_DISABLE, PERF_EVENT_IOC_RESET,
		PERF_EVENT_IOC_REFRESH,	    PERF_EVENT_IOC_PERIOD,  PERF_EVENT_IOC_SET_OUTPUT,
		PERF_EVENT_IOC_PAUSE_OUTPUT};
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = below(t, 8) ? pai_type : PERF_TYPE_RAW,
		.config = mostly(t, PAIMON_NNPA_BASE + below(t, 30)),
		.sample_type = below(t, PERF_SAMPLE_MAX),
		.read_format = below(t, PERF_FORMAT_MAX),
		.disabled = below(t, 2),
		.inherit = below(t, 2),
		.exclude_user = !below(t, 16),
		.sample_regs_user = 1,
		.sample_stack_user = 64,
	};
	int event, cpu = mostly(t, below(t, 2));
	uint64_t values[256], period = below(t, 3);
	void *ring;

	if (below(t, 2)) {
		attr.config = PAIMON_NNPA_BASE;
		attr.sample_period = 1 + below(t, 1000);
	}
	event = syscall(SYS_perf_event_open, &attr, below(t, 16) ? -1 : 0, cpu, -1, 0);
	if (event < 0)
		return -1;
	ring = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, event, 0);
	for (uint32_t i = below(t, 8); i; i--) {
		unsigned long request = requests[below(t, sizeof(requests) / sizeof(*requests))];
		struct paimon_soft_nnpa call = {
			.size = mostly(t, sizeof(call)),
			.function = mostly(t, below(t, 28)),
			.count = t->random,
		};

		ioctl(fd, PAIMON_SOFT_NNPA, &call);
		ioctl(event, request,
		      request == PERF_EVENT_IOC_PERIOD ? (unsigned long)&period : period);
		if (read(event, values, sizeof(values)) < 0)
			usleep(1);
	}
	if (ring != MAP_FAILED)
		munmap(ring, 2 * 4096);
	return close(event);
}

/* An event of the system PMU takes the place of another one, or is configured while it counts, as
 * is what is none. */
static long configure(struct thread *t)
{
	int *place = &t->process->events[below(t, NR_FILES)];
	int event = __atomic_load_n(place, __ATOMIC_RELAXED);
	struct paimon_drv_config data = {
		.size = mostly(t, sizeof(data)),
		.flags = mostly(t, 0),
		.fd = mostly(t, event),
		.config1 = below(t, 4) ? below(t, 16) : t->random,
		.config2 = mostly(t, 0),
		.config3 = mostly(t, 0),
	};
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = cspmu.type,
		.config = mostly(t, below(t, 40)),
		.config1 = data.config1,
		.disabled = below(t, 2),
	};
	uint64_t values[4];

	switch (below(t, 8)) {
	case 0 ... 1:
		event = cspmu.type < 0 ? -1
				       : syscall(SYS_perf_event_open, &attr, -1,
						 mostly(t, cspmu.cpu), -1, 0);
		event = __atomic_exchange_n(place, event, __ATOMIC_RELAXED);
		return event < 0 ? event : close(event);
	case 2:
		return read(event, values, sizeof(values));
	case 3:
		return ioctl(event, below(t, 2) ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE,
			     below(t, 2));
	case 4:
		return ioctl(t->process->config,
			     _IOC(below(t, 4), PAIMON_IOC, below(t, 4), below(t, 80)),
			     below(t, 2) ? (void *)&data : some_memory(t));
	case 5:
		return ioctl(t->process->config, PAIMON_GET_DRV_CONFIG, &data);
	default:
		return ioctl(t->process->config, PAIMON_SET_DRV_CONFIG, &data);
	}
}

/* The system PMU counts, goes wrong, leaves the machine and comes back. */
static long cspmu_device(struct thread *t, int fd)
{
	uint32_t device = mostly(t, below(t, 2));
	struct paimon_soft_cspmu_count count = {.size = mostly(t, sizeof(count)),
						.flags = mostly(t, 0),
						.device = device,
						.event = mostly(t, below(t, 40)),
						.count = mostly(t, below(t, 1000)),
						.ports = mostly(t, below(t, 16))};
	struct paimon_soft_cspmu_register reg = {.size = mostly(t, sizeof(reg)),
						 .device = device,
						 .offset = below(t, 0x1000)};
	struct paimon_soft_cspmu_fault fault = {.size = mostly(t, sizeof(fault)),
						.device = device,
						.torn = below(t, 4),
						.failing = below(t, 4)};
	struct paimon_soft_cspmu_plug plug = {.size = mostly(t, sizeof(plug)),
					      .device = device,
					      .present = mostly(t, below(t, 2))};

	switch (below(t, 16)) {
	case 0:
		return ioctl(fd, PAIMON_SOFT_CSPMU_FAULT, &fault);
	case 1:
		return ioctl(fd, PAIMON_SOFT_CSPMU_PLUG, &plug);
	case 2 ... 4:
		return ioctl(fd, PAIMON_SOFT_CSPMU_REGISTER, &reg);
	default:
		return ioctl(fd, PAIMON_SOFT_CSPMU_COUNT, &count);
	}
}

static long reopen(struct thread *t, uint32_t which)
{
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	fd = __atomic_exchange_n(&t->process->files[which], fd, __ATOMIC_RELAXED);
	return close(fd);
}

/* A child asks for the parent's memory, and goes without reading. */
static long in_a_child(struct thread *t, int fd)
{
	pid_t child = fork();

	if (!child) {
		submit(t, fd);
		_exit(0);
	}
	return child < 0 ? -1 : waitpid(child, NULL, 0) < 0 ? -1 : 0;
}

static long one_call(struct thread *t)
{
	uint32_t which = below(t, NR_FILES);
	int fd = __atomic_load_n(&t->process->files[which], __ATOMIC_RELAXED);
	struct paimon_soft_response responses[16];
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	switch (below(t, 32)) {
	case 0 ... 9:
		return submit(t, fd);
	case 10 ... 13:
		return read(fd, below(t, 16) ? (void *)responses : some_memory(t),
			    below(t, sizeof(responses)));
	case 14 ... 16:
		return bind_or_not(t, fd);
	case 17:
		return garbage(t, fd);
	case 18:
		return poll(&pollfd, 1, 0);
	case 19:
		return fail_alloc(t, fd);
	case 20:
		return below(t, 4) ? madvise(some_memory(t), 4096, MADV_DONTNEED)
				   : reopen(t, which);
	case 21:
		/* A hole, and memory again, read-only now and then. */
		munmap(some_memory(t), 4096);
		return mmap(some_memory(t), 4096, PROT_READ | (below(t, 4) ? PROT_WRITE : 0),
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
			       ? -1
			       : 0;
	case 22 ... 23:
		return event(t, fd);
	case 24:
		return below(t, 16) ? submit(t, fd) : in_a_child(t, fd);
	case 25 ... 28:
		return configure(t);
	case 29 ... 30:
		return cspmu_device(t, fd);
	default:
		return ioctl(fd, mostly(t, PAIMON_SOFT_INFO), some_memory(t));
	}
}

static void *run_thread(void *data)
{
	struct thread *t = data;

	for (uint64_t i = 0; i < t->calls; i++) {
		long r = one_call(t);

		__atomic_fetch_add(&t->process->results[r < 0 ? errno % NR_ERRORS : 0], 1,
				   __ATOMIC_RELAXED);
	}
	return NULL;
}

static int run_process(uint64_t calls, uint64_t seed, int results)
{
	struct process p = {};
	struct thread threads[2];
	pthread_t ids[2];

	p.memory = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	if (p.memory == MAP_FAILED)
		die("mmap");
	p.config = open(PAIMON_DEVICE, O_RDWR | O_CLOEXEC);
	for (int i = 0; i < NR_FILES; i++) {
		p.events[i] = -1;
		p.files[i] = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (p.files[i] < 0)
			die(DEVICE);
	}
	for (int i = 0; i < 2; i++) {
		threads[i] = (struct thread){&p, seed * 2 + i, calls / 2};
		if (pthread_create(&ids[i], NULL, run_thread, &threads[i]))
			die("pthread_create");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(ids[i], NULL);
	/* Files are closed and memory goes by the exit, with faults under way. */
	return write(results, p.results, sizeof(p.results)) != sizeof(p.results);
}

static int random_calls(uint64_t calls, uint64_t seed, unsigned int processes)
{
	uint64_t all[NR_ERRORS] = {}, one[NR_ERRORS], total = 0;
	int results[2], broken = 0;

	if (pipe(results) < 0)
		die("pipe");
	for (unsigned int i = 0; i < processes; i++)
		if (!fork())
			_exit(run_process(calls / processes, seed * 100 + i, results[1]));
	for (unsigned int i = 0; i < processes; i++) {
		if (read(results[0], one, sizeof(one)) != sizeof(one))
			die("pipe");
		for (int j = 0; j < NR_ERRORS; j++)
			all[j] += one[j];
	}
	for (int status; wait(&status) > 0;)
		broken |= status;
	for (int i = 0; i < NR_ERRORS; i++)
		if (all[i]) {
			total += all[i];
			printf("%-8ju %s\n", all[i], strerror(i));
		}
	printf("%-8ju in all\n", total);
	return !!broken || total < calls - 2 * processes;
}

/* Allocation failures, one at a time */

static int nth_file;

static void set_nth(int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth_file, text, length, 0) != length)
		die("fail-nth");
}

/* What is left of the count: 0, the nth allocation was reached and failed. */
static int get_nth(void)
{
	char text[16] = "";

	if (pread(nth_file, text, sizeof(text) - 1, 0) <= 0)
		die("fail-nth");
	return atoi(text);
}

/* Runs a call until no allocation is left to fail in it; -1 if it ever fails oddly. */
static int each_allocation(const char *name, long (*call)(void *), void *data)
{
	int refused = 0, survived = 0;

	for (int n = 1; n < 10000; n++) {
		int left, error;
		long r;

		set_nth(n);
		r = call(data);
		error = errno;
		left = get_nth();
		set_nth(0);
		if (left) {
			printf("%-16s %d failed, %d did without\n", name, refused, survived);
			if (r < 0)
				fprintf(stderr, "soft-abuse: %s: %s with all memory there is\n",
					name, strerror(error));
			return r < 0 ? -1 : refused + survived;
		}
		if (r >= 0) {
			survived++;
		} else if (error == ENOMEM) {
			refused++;
		} else {
			fprintf(stderr, "soft-abuse: %s: %s where there was no memory\n", name,
				strerror(error));
			return -1;
		}
	}
	return -1;
}

static long call_open(void *data)
{
	int fd = open(DEVICE, O_RDWR);

	return fd < 0 ? -1 : close(fd);
}

struct nomem {
	int fd;
	char *memory;
	uint32_t grpid;
	uint32_t nr;
};

static long call_bind(void *data)
{
	struct nomem *n = data;
	struct paimon_soft_bind bind = {.size = sizeof(bind)};
	long r = ioctl(n->fd, PAIMON_SOFT_BIND, &bind);

	return r < 0 ? r : ioctl(n->fd, PAIMON_SOFT_UNBIND, &bind);
}

/* Requests of one group; the answers are read with no failure set. */
static long call_submit(void *data)
{
	struct nomem *n = data;
	struct paimon_soft_request requests[3] = {};
	struct paimon_soft_submit submit = {
		.size = sizeof(submit),
		.nr = n->nr,
		.requests = (uintptr_t)requests,
	};
	int r, error;

	n->grpid++;
	for (uint32_t i = 0; i < n->nr; i++)
		requests[i] = (struct paimon_soft_request){
			.addr = (uintptr_t)n->memory,
			.grpid = n->grpid,
			.perm = PAIMON_IOPF_PERM_READ,
			.flags = i == n->nr - 1 ? PAIMON_IOPF_LAST : 0,
		};
	r = ioctl(n->fd, PAIMON_SOFT_SUBMIT, &submit);
	error = errno;
	/* Whatever came of it, the last request of the group closes it for good. */
	if (r < 0 && submit.done < n->nr - 1) {
		int left = get_nth();

		set_nth(0);
		submit.requests += sizeof(*requests) * (n->nr - 1);
		submit.nr = 1;
		if (ioctl(n->fd, PAIMON_SOFT_SUBMIT, &submit) < 0)
			die("closing a group");
		set_nth(left);
	}
	errno = error;
	return r;
}

static long call_read(void *data)
{
	struct nomem *n = data;
	struct paimon_soft_response response;

	return read(n->fd, &response, sizeof(response)) == sizeof(response) ? 0 : -1;
}

/* One that counts and one that samples. */
static long call_event(void *data)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .type = pai_type,
				       .config = PAIMON_NNPA_BASE};
	long r = 0;

	for (int cpu = 0; cpu < 2 && !r; cpu++) {
		int event = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);

		attr.sample_period = 1;
		r = event < 0 ? -1 : close(event);
	}
	return r;
}

static int nomem(void)
{
	struct nomem n = {.fd = open(DEVICE, O_RDWR), .nr = 3};
	int r[5];

	if (n.fd < 0)
		die(DEVICE);
	n.memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r[0] = each_allocation("open", call_open, NULL);
	r[1] = each_allocation("bind", call_bind, &n);
	r[2] = each_allocation("submit", call_submit, &n);
	for (uint32_t i = 0; i < n.grpid; i++)
		if (call_read(&n))
			die("a group without an answer");
	r[3] = fcntl(n.fd, F_SETFL, O_NONBLOCK) ?: call_read(&n) == -1 && errno == EAGAIN;
	r[4] = each_allocation("event", call_event, NULL);
	/* Each but the reading has allocations of its own. */
	return r[0] <= 0 || r[1] <= 0 || r[2] <= 0 || r[3] != 1 || r[4] <= 0;
}

static long call_load(void *data)
{
	int fd = open(data, O_RDONLY | O_CLOEXEC), r, error;

	if (fd < 0)
		return -1;
	r = syscall(SYS_finit_module, fd, "", 0);
	error = errno;
	close(fd);
	if (!r) {
		int left = get_nth();
		char name[64];
		const char *base = strrchr(data, '/');

		snprintf(name, sizeof(name), "%s", base ? base + 1 : (char *)data);
		name[strcspn(name, ".")] = '\0';
		set_nth(0);
		if (syscall(SYS_delete_module, name, 0))
			die("delete_module");
		set_nth(left);
	}
	errno = error;
	return r;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	FILE *type = fopen("/sys/bus/event_source/devices/pai_ext/type", "r");

	if (type && fscanf(type, "%u", &pai_type) != 1)
		die("the type of pai_ext");
	if (type)
		fclose(type);
	cspmu = find_device("soft0");
	if (!strcmp(command, "random"))
		return random_calls(argc > 2 ? strtoull(argv[2], NULL, 10) : 100000,
				    argc > 3 ? strtoull(argv[3], NULL, 10) : 1,
				    argc > 4 ? strtoul(argv[4], NULL, 10) : 4);
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth_file < 0)
		die("/proc/thread-self/fail-nth");
	if (!strcmp(command, "nomem"))
		return nomem();
	if (!strcmp(command, "load") && argc > 2)
		return each_allocation(argv[2], call_load, argv[2]) <= 0;
	fprintf(stderr,
		"usage: soft-abuse random [CALLS [SEED [PROCESSES]]] | nomem | load MODULE\n");
	return 2;
}
