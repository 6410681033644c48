// SPDX-License-Identifier: GPL-2.0
/*
 * paimon-soft-load: a seeded load on /dev/paimon-soft, whose result is known before
 * it runs.
 *
 * The parent generates the whole plan from the seed: groups with their device and size,
 * the memory and access of each request, and calls of NNPA functions. The expected counts
 * by device, access, response, size and function follow from the plan and are printed as
 * JSON. Then processes and threads run the plan. Each thread has its own open file, PASID
 * and memory, checks every response against the plan, and keeps several groups of
 * interleaved requests in flight. Counters in shared memory limit the outstanding requests
 * of all threads to the depth of the devices, so no request overflows a device.
 *
 * One file of more than 500 lines, because the plan and what runs it share all types.
 *
 * Exit status: 0 all responses were as planned, 1 not, 2 usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <paimon/nnpa.h>
#include <paimon/uapi.h>

#define PAGE 4096UL
#define MAX_SIZE 512
#define WINDOW 8 /* groups that a thread has in flight */
#define ANON_PAGES 8192
#define FILE_PAGES 1024
#define NR_SIZES 11 /* 1, 2, 4 ... 512, more */

/* The kind of access of a request; the last two fail on purpose. */
enum kind { ANON_READ, ANON_WRITE, ANON_READ_WRITE, FILE_READ, READONLY_WRITE, UNMAPPED_READ };

static const uint32_t kind_perm[] = {
	[ANON_READ] = PAIMON_IOPF_PERM_READ,
	[ANON_WRITE] = PAIMON_IOPF_PERM_WRITE,
	[ANON_READ_WRITE] = PAIMON_IOPF_PERM_READ | PAIMON_IOPF_PERM_WRITE,
	[FILE_READ] = PAIMON_IOPF_PERM_READ,
	[READONLY_WRITE] = PAIMON_IOPF_PERM_WRITE,
	[UNMAPPED_READ] = PAIMON_IOPF_PERM_READ,
};

struct group {
	uint32_t first; /* index of its first request */
	uint16_t size;
	uint8_t device;
	bool invalid;	  /* one of its requests cannot succeed */
	bool needs_pasid; /* the response carries the PASID */
	bool priv_data;	  /* closed by private data, not as the last one */
};

/* The free capacity of a device's queue, shared by all processes. turn: lock for waiting. */
struct places {
	pthread_mutex_t turn;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	uint32_t free;
};

static struct options {
	uint64_t seed;
	uint32_t requests, groups, calls, processes, threads, devices;
	const char *folder;
	bool dry_run;
} options = {.seed = 1,
	     .requests = 10000,
	     .groups = 2000,
	     .calls = 10000,
	     .processes = 2,
	     .threads = 2,
	     .devices = 1,
	     .folder = "/var/tmp"};

static struct group *groups;
static uint8_t *kinds;
static uint8_t *functions; /* counter number of each call */
static struct places *places;
static uint64_t *counted; /* calls that the unit counted; shared by all processes */
static uint64_t random_state;

static void die(const char *what)
{
	fprintf(stderr, "paimon-soft-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t draw(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1dULL >> 16) % below;
}

/* Chooses sizes from 1 to 512, mostly small, whose sum is the number of requests. */
static void plan_sizes(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < options.groups; i++) {
		uint32_t size = draw(60) ? 1 + draw(6) : 1u << draw(10);

		groups[i].size = size;
		sum += size;
	}
	while (sum != options.requests) {
		struct group *group = &groups[draw(options.groups)];

		if (sum < options.requests && group->size < MAX_SIZE) {
			group->size++;
			sum++;
		} else if (sum > options.requests && group->size > 1) {
			group->size--;
			sum--;
		}
	}
}

static void plan(void)
{
	uint32_t next = 0;

	random_state = options.seed * 0x9e3779b97f4a7c15ULL + 1;
	plan_sizes();
	for (uint32_t i = 0; i < options.groups; i++) {
		struct group *group = &groups[i];

		group->first = next;
		group->device = draw(options.devices);
		group->needs_pasid = draw(2);
		group->priv_data = !draw(16);
		for (uint32_t j = 0; j < group->size; j++) {
			uint64_t d = draw(2000);

			kinds[next] = d < 8	 ? FILE_READ
				      : d < 20	 ? READONLY_WRITE
				      : d < 30	 ? UNMAPPED_READ
				      : d < 900	 ? ANON_READ
				      : d < 1700 ? ANON_WRITE
						 : ANON_READ_WRITE;
			group->invalid |= kinds[next] >= READONLY_WRITE;
			next++;
		}
	}
	for (uint32_t i = 0; i < options.calls; i++)
		functions[i] = 1 + draw(PAIMON_NNPA_COUNTERS_1ST);
}

/* The smallest i with size <= 2^i. */
static unsigned int size_cell(uint32_t size)
{
	unsigned int cell = 0;

	while (cell < NR_SIZES - 1 && size > 1u << cell)
		cell++;
	return cell;
}

static void print_calls(void)
{
	static const char *const names[] = {PAIMON_NNPA_NAMES};
	const char *separator = "";
	uint64_t calls[PAIMON_NNPA_COUNTERS_1ST + 1] = {};

	for (uint32_t i = 0; i < options.calls; i++)
		calls[functions[i]]++;
	for (int i = 1; i <= PAIMON_NNPA_COUNTERS_1ST; i++) {
		if (!calls[i])
			continue;
		printf("%s\"%s\": %llu", separator, names[i], (unsigned long long)calls[i]);
		separator = ", ";
	}
}

static void print_plan(void)
{
	static const char *const access[8] = {"none", "read", "write", "read_write"};

	printf("{\"seed\": %llu, \"requests_total\": %u, \"groups_total\": %u, \"devices\": {",
	       (unsigned long long)options.seed, options.requests, options.groups);
	for (uint32_t device = 0; device < options.devices; device++) {
		uint64_t perms[8] = {}, codes[2] = {}, sizes[NR_SIZES] = {};

		for (uint32_t i = 0; i < options.groups; i++) {
			const struct group *group = &groups[i];

			if (group->device != device)
				continue;
			codes[group->invalid]++;
			sizes[size_cell(group->size)]++;
			for (uint32_t j = 0; j < group->size; j++)
				perms[kind_perm[kinds[group->first + j]]]++;
		}
		printf("%s\"soft%u\": {\"requests\": {", device ? ", " : "", device);
		for (int i = 1; i < 4; i++)
			printf("%s\"%s\": %llu", i > 1 ? ", " : "", access[i],
			       (unsigned long long)perms[i]);
		printf("}, \"groups\": {\"success\": %llu, \"invalid\": %llu}, \"sizes\": [",
		       (unsigned long long)codes[0], (unsigned long long)codes[1]);
		for (int i = 0; i < NR_SIZES; i++)
			printf("%s%llu", i ? ", " : "", (unsigned long long)sizes[i]);
		printf("]}");
	}
	printf("}, \"calls_total\": %u, \"calls\": {", options.calls);
	print_calls();
	printf("}}\n");
	fflush(stdout);
}

static void make_places(uint32_t depth)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	for (uint32_t i = 0; i < options.devices; i++) {
		pthread_mutex_init(&places[i].turn, &mutex);
		pthread_mutex_init(&places[i].lock, &mutex);
		pthread_cond_init(&places[i].freed, &cond);
		places[i].free = depth;
	}
}

/*
 * Takes nr of them; without wait only if they are free and no thread waits. A thread waits only
 * while it holds none, so there is no deadlock.
 */
static bool take_places(struct places *p, uint32_t nr, bool wait)
{
	bool taken;

	if (wait)
		pthread_mutex_lock(&p->turn);
	else if (pthread_mutex_trylock(&p->turn))
		return false;
	pthread_mutex_lock(&p->lock);
	while (wait && p->free < nr)
		pthread_cond_wait(&p->freed, &p->lock);
	taken = p->free >= nr;
	if (taken)
		p->free -= nr;
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_unlock(&p->turn);
	return taken;
}

static void give_places(struct places *p, uint32_t nr)
{
	pthread_mutex_lock(&p->lock);
	p->free += nr;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

struct worker {
	int fd;
	uint32_t pasid;
	uint8_t *anon, *file, *readonly;
	uint32_t anon_page, file_page;
	uint32_t in_flight;
	/* The group in flight for each group number. */
	const struct group *sent[WINDOW * 2];
};

static void *map(int prot, int flags, int fd, size_t pages)
{
	void *memory = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

/* A file whose pages are not in the page cache, so that each fault reads from the disk. */
static int cold_file(void)
{
	char path[256], page[PAGE];
	int fd;

	snprintf(path, sizeof(path), "%s/paimon-soft-load-XXXXXX", options.folder);
	fd = mkstemp(path);
	if (fd < 0)
		die(path);
	unlink(path);
	memset(page, 1, sizeof(page));
	for (int i = 0; i < FILE_PAGES; i++)
		if (write(fd, page, sizeof(page)) != sizeof(page))
			die("write");
	if (fsync(fd) < 0)
		die("fsync");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return fd;
}

static void worker_open(struct worker *worker)
{
	struct paimon_soft_bind bind = {.size = sizeof(bind)};
	int file = cold_file();

	worker->fd = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC);
	if (worker->fd < 0)
		die("/dev/paimon-soft (modprobe paimon_soft)");
	if (ioctl(worker->fd, PAIMON_SOFT_BIND, &bind) < 0)
		die("PAIMON_SOFT_BIND");
	worker->pasid = bind.pasid;
	worker->anon = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, ANON_PAGES);
	worker->readonly = map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
	worker->file = map(PROT_READ, MAP_SHARED, file, FILE_PAGES);
	madvise(worker->anon, ANON_PAGES * PAGE, MADV_NOHUGEPAGE);
	madvise(worker->file, FILE_PAGES * PAGE, MADV_RANDOM);
	close(file);
}

/* An address that faults: each page is used once, until all pages are dropped. */
static uint64_t address(struct worker *worker, enum kind kind)
{
	switch (kind) {
	case FILE_READ:
		return (uintptr_t)worker->file + worker->file_page++ % FILE_PAGES * PAGE;
	case READONLY_WRITE:
		return (uintptr_t)worker->readonly;
	case UNMAPPED_READ:
		return PAGE; /* below what mmap may use */
	default:
		if (worker->anon_page == ANON_PAGES) {
			madvise(worker->anon, ANON_PAGES * PAGE, MADV_DONTNEED);
			worker->anon_page = 0;
		}
		return (uintptr_t)worker->anon + worker->anon_page++ * PAGE;
	}
}

static uint32_t free_number(struct worker *worker)
{
	uint32_t number = 0;

	while (worker->sent[number])
		number++;
	return number;
}

/* Sends groups with interleaved requests. */
static void submit(struct worker *worker, const struct group *const *batch, int nr)
{
	struct paimon_soft_request requests[WINDOW * MAX_SIZE];
	struct paimon_soft_submit header = {.size = sizeof(header),
					    .requests = (uintptr_t)requests};
	uint32_t numbers[WINDOW], done[WINDOW] = {};
	int left = nr;

	for (int i = 0; i < nr; i++) {
		numbers[i] = free_number(worker);
		worker->sent[numbers[i]] = batch[i];
	}
	for (int i = 0; left; i = (i + 1) % nr) {
		const struct group *group = batch[i];
		enum kind kind;

		if (done[i] == group->size)
			continue;
		kind = kinds[group->first + done[i]];
		requests[header.nr++] = (struct paimon_soft_request){
			.addr = address(worker, kind),
			.device = group->device,
			.pasid = worker->pasid,
			.grpid = numbers[i],
			.perm = kind_perm[kind],
			.flags = PAIMON_IOPF_PASID_VALID |
				 (group->needs_pasid ? PAIMON_IOPF_NEEDS_PASID : 0) |
				 (++done[i] < group->size ? 0
				  : group->priv_data	  ? PAIMON_IOPF_PRIV_DATA
							  : PAIMON_IOPF_LAST),
		};
		left -= done[i] == group->size;
	}
	if (ioctl(worker->fd, PAIMON_SOFT_SUBMIT, &header) < 0 || header.done != header.nr)
		die("PAIMON_SOFT_SUBMIT");
	worker->in_flight += nr;
}

static void check(const struct worker *worker, const struct paimon_soft_response *response)
{
	const struct group *group = response->grpid < WINDOW * 2 ? worker->sent[response->grpid]
								 : NULL;
	uint32_t code, flags;

	if (!group) {
		fprintf(stderr,
			"paimon-soft-load: a response to group %u, which is not in flight\n",
			response->grpid);
		exit(1);
	}
	code = group->invalid ? PAIMON_IOPF_INVALID : PAIMON_IOPF_SUCCESS;
	flags = group->needs_pasid ? PAIMON_IOPF_PASID_VALID : 0;
	if (response->code == code && response->device == group->device &&
	    response->requests == group->size && response->flags == flags &&
	    response->pasid == (flags ? worker->pasid : 0))
		return;
	fprintf(stderr,
		"paimon-soft-load: group %u of soft%u: response device %u code %u requests %u flags %x pasid %u, expected code %u requests %u flags %x\n",
		response->grpid, group->device, response->device, response->code,
		response->requests, response->flags, response->pasid, code, group->size, flags);
	exit(1);
}

static void receive(struct worker *worker)
{
	struct paimon_soft_response responses[WINDOW];
	ssize_t size = read(worker->fd, responses, sizeof(responses));

	if (size < 0)
		die("read");
	for (size_t i = 0; i < size / sizeof(*responses); i++) {
		const struct group *group;

		check(worker, &responses[i]);
		group = worker->sent[responses[i].grpid];
		give_places(&places[group->device], group->size);
		worker->sent[responses[i].grpid] = NULL;
		worker->in_flight--;
	}
}

/* Runs every nth group, from index on. */
static void play(struct worker *worker, uint32_t index, uint32_t nr)
{
	while (index < options.groups) {
		const struct group *batch[WINDOW];
		int taken = 0;

		while (index < options.groups && worker->in_flight + taken < WINDOW && taken < 4 &&
		       take_places(&places[groups[index].device], groups[index].size,
				   !worker->in_flight && !taken)) {
			batch[taken++] = &groups[index];
			index += nr;
		}
		if (taken)
			submit(worker, batch, taken);
		if (worker->in_flight == WINDOW || !taken)
			receive(worker);
	}
	while (worker->in_flight)
		receive(worker);
}

struct share {
	uint32_t index, nr;
};

/* Executes every nth call, from index on. */
static void execute(const struct worker *worker, uint32_t index, uint32_t nr)
{
	for (; index < options.calls; index += nr) {
		struct paimon_soft_nnpa call = {.size = sizeof(call),
						.function = functions[index],
						.count = 1};

		if (ioctl(worker->fd, PAIMON_SOFT_NNPA, &call) < 0)
			die("PAIMON_SOFT_NNPA");
		__atomic_fetch_add(counted, call.counted, __ATOMIC_RELAXED);
	}
}

static void *run_thread(void *data)
{
	const struct share *share = data;
	struct worker worker = {};

	worker_open(&worker);
	execute(&worker, share->index, share->nr);
	play(&worker, share->index, share->nr);
	close(worker.fd);
	return NULL;
}

static int run_process(uint32_t process)
{
	pthread_t threads[options.threads];
	struct share shares[options.threads];

	for (uint32_t i = 0; i < options.threads; i++) {
		shares[i] = (struct share){process * options.threads + i,
					   options.processes * options.threads};
		if (pthread_create(&threads[i], NULL, run_thread, &shares[i]))
			die("pthread_create");
	}
	for (uint32_t i = 0; i < options.threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static uint32_t number(const char *name, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < min || value > max) {
		fprintf(stderr, "paimon-soft-load: --%s %s: from %u to %u\n", name, text, min, max);
		exit(2);
	}
	return value;
}

static const char usage[] =
	"paimon-soft-load [OPTION]...: a load on the devices of paimon_soft (modprobe paimon_soft)\n"
	"\n"
	"  --seed N       seed of the plan (1): the same options give the same plan\n"
	"  --requests N   page requests (10000)\n"
	"  --groups N     groups of these requests (2000)\n"
	"  --calls N      calls of NNPA functions (10000)\n"
	"  --processes N  processes that run the plan (2)\n"
	"  --threads N    threads of each process (2)\n"
	"  --devices N    devices to use, from soft0 on (1)\n"
	"  --folder D     directory for a file that page faults read (/var/tmp)\n"
	"  --dry-run      only print the expected counts, as JSON\n"
	"  --help\n";

static void parse(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"seed", required_argument, NULL, 's'},
		{"requests", required_argument, NULL, 'r'},
		{"groups", required_argument, NULL, 'g'},
		{"calls", required_argument, NULL, 'c'},
		{"processes", required_argument, NULL, 'p'},
		{"threads", required_argument, NULL, 't'},
		{"devices", required_argument, NULL, 'd'},
		{"folder", required_argument, NULL, 'f'},
		{"dry-run", no_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 's':
			options.seed = number("seed", optarg, 0, UINT32_MAX);
			break;
		case 'r':
			options.requests = number("requests", optarg, 1, 10000000);
			break;
		case 'g':
			options.groups = number("groups", optarg, 1, 10000000);
			break;
		case 'c':
			options.calls = number("calls", optarg, 0, 10000000);
			break;
		case 'p':
			options.processes = number("processes", optarg, 1, 64);
			break;
		case 't':
			options.threads = number("threads", optarg, 1, 16);
			break;
		case 'd':
			options.devices = number("devices", optarg, 1, PAIMON_SOFT_MAX_DEVICES);
			break;
		case 'f':
			options.folder = optarg;
			break;
		case 'n':
			options.dry_run = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "paimon-soft-load: unexpected argument %s\n%s", argv[optind],
			usage);
		exit(2);
	}
	if (options.requests < options.groups ||
	    options.requests > (uint64_t)options.groups * MAX_SIZE) {
		fprintf(stderr, "paimon-soft-load: a group has 1 to %d requests\n", MAX_SIZE);
		exit(2);
	}
}

/* Checks that the module has what the plan needs. Returns the depth of a device. */
static uint32_t check_module(void)
{
	struct paimon_soft_info info = {.size = sizeof(info)};
	struct paimon_soft_nnpa none = {.size = sizeof(none)};
	int fd = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/paimon-soft (as root: modprobe paimon_soft)");
	if (ioctl(fd, PAIMON_SOFT_INFO, &info) < 0)
		die("PAIMON_SOFT_INFO");
	if (info.devices < options.devices || info.depth < MAX_SIZE) {
		fprintf(stderr,
			"paimon-soft-load: the module has %u devices of depth %u; this load needs %u of depth %d (load it with devices= and depth=)\n",
			info.devices, info.depth, options.devices, MAX_SIZE);
		exit(1);
	}
	if (options.calls && ioctl(fd, PAIMON_SOFT_NNPA, &none) < 0)
		die("the module has no NNPA unit (load it without nnpa_counters=0, or --calls 0)");
	close(fd);
	return info.depth;
}

static void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

int main(int argc, char **argv)
{
	pid_t pids[64];
	uint32_t depth;
	int status, failed = 0;

	parse(argc, argv);
	groups = calloc(options.groups, sizeof(*groups));
	kinds = malloc(options.requests);
	functions = malloc(options.calls + 1);
	if (!groups || !kinds || !functions)
		die("memory");
	plan();
	print_plan();
	if (options.dry_run)
		return 0;
	depth = check_module();
	places = share(options.devices * sizeof(*places));
	counted = share(sizeof(*counted));
	make_places(depth);
	for (uint32_t i = 0; i < options.processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			exit(run_process(i));
		pids[i] = pid;
	}
	while (wait(&status) > 0) {
		/* The others may wait for capacity that the failed one still holds. */
		for (uint32_t i = 0; status && i < options.processes; i++)
			kill(pids[i], SIGKILL);
		failed |= status;
	}
	if (!failed && *counted != options.calls)
		fprintf(stderr,
			"paimon-soft-load: of %u calls %llu were counted: pai_ext is not counted on every CPU (systemctl start paimond)\n",
			options.calls, (unsigned long long)*counted);
	return failed ? 1 : 0;
}
