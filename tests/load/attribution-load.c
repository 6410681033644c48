// SPDX-License-Identifier: GPL-2.0
/*
 * attribution-load: processes in cgroups that do what they are told, and how much they have done
 * according to the kernel and to the software NNPA unit.
 *
 * Commands are lines at standard input; each is answered by one line of JSON, {} if it says
 * nothing:
 *
 * start CGROUP [THREADS]: a process, which is born in the cgroup: {"process": N, "pid": "P"}
 *
 * go N|all [KEY=NUMBER]...: work: so many rounds (0: until halt) of faults (pages touched), calls
 * (executions of a drawn function of 1 to functions), compute (loops) and naps (switches; of nap
 * microseconds), by each thread; with cpus, a mask, each round is on a drawn one of them
 *
 * halt: who works until halt ends its round
 *
 * wait: until all are at rest: asleep and off their CPU; then as report
 *
 * report: a list of {process, pid, comm, cgroup, threads, faults, switches, uncounted, nnpa:
 * {FUNCTION: EXECUTIONS}} of each process that has not ended, in each cgroup where it has been
 *
 * move N CGROUP: a process that is at rest, from outside
 *
 * end N: a process that is at rest exits, and is reaped: its last row of a report, with null as
 * switches
 *
 * The kernel's counts are those of /proc/PID/stat and /proc/PID/task/TID/status, and of wait4(2) at
 * the end. Page faults of the kernel on behalf of another process are in these but not in the perf
 * event; nobody makes any here. Cgroups are made when they do not exist; who starts this removes
 * them.
 *
 * Exit status: 0 at the end of standard input, after all processes have been killed; 1 and a
 * message.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <paimon/nnpa.h>
#include <paimon/uapi.h>

#include "lib/helpers.h"
#include "lib/nnpa.h"

#define PROCESSES 4096
#define THREADS 16
#define COUNTERS (PAIMON_NNPA_COUNTERS_2ND + 1)
#define PAGES 256
#define PAGE 4096

struct work {
	uint64_t rounds, faults, naps, nap, calls, functions, compute, cpus;
};

struct counts {
	uint64_t faults, switches, uncounted, nnpa[COUNTERS];
};

struct process {
	pid_t pid; /* 0: it has ended */
	pid_t was;
	int commands; /* written by the parent: a byte for each thread */
	uint32_t threads;
	char cgroup[256];
	struct counts before; /* when it came to this cgroup */
	struct counts ended;
};

/* What the processes share: what one has executed by function, and what it works on. */
static struct shared {
	volatile bool halt;
	struct {
		struct work work;
		uint64_t executed[COUNTERS], uncounted;
	} processes[PROCESSES];
} * shared;

static struct process processes[PROCESSES];
static uint32_t nr;
static const char *root = "/sys/fs/cgroup";
/* Rows of processes in cgroups that they have left. */
static char *left;
static size_t left_size;
static FILE *left_rows;

static void compute(uint64_t loops)
{
	for (volatile uint64_t i = 0; i < loops; i++)
		;
}

static void execute(uint32_t process, int soft, uint32_t function, uint64_t count)
{
	struct paimon_soft_nnpa call = execute_nnpa(soft, function, count);

	__atomic_fetch_add(&shared->processes[process].executed[function], call.counted,
			   __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&shared->processes[process].uncounted, count - call.counted,
			   __ATOMIC_SEQ_CST);
}

struct thread {
	uint32_t process;
	int commands, soft;
	uint64_t random;
	volatile char *pages;
	uint32_t page;
};

static void touch(struct thread *thread)
{
	if (thread->page == PAGES) {
		madvise((void *)thread->pages, (size_t)PAGES * PAGE, MADV_DONTNEED);
		thread->page = 0;
	}
	thread->pages[(size_t)PAGE * thread->page++] = 1;
}

static void play(struct thread *thread)
{
	const struct work work = shared->processes[thread->process].work;

	for (uint64_t round = 0; work.rounds ? round < work.rounds : !shared->halt; round++) {
		if (work.cpus) {
			int cpu;

			do
				cpu = draw(&thread->random, 64);
			while (!(work.cpus & 1ULL << cpu));
			pin_to(cpu);
		}
		for (uint64_t i = 0; i < work.faults; i++)
			touch(thread);
		if (work.calls)
			execute(thread->process, thread->soft,
				1 + draw(&thread->random, work.functions), work.calls);
		compute(work.compute);
		for (uint64_t i = 0; i < work.naps; i++)
			nanosleep(&(struct timespec){.tv_nsec = work.nap * 1000}, NULL);
	}
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	char byte;

	thread->pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (thread->pages == MAP_FAILED)
		die("mmap");
	madvise((void *)thread->pages, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	while (read(thread->commands, &byte, 1) == 1 && byte == 'g')
		play(thread);
	_exit(0);
}

static _Noreturn void process_main(uint32_t process, int commands, uint32_t threads)
{
	static struct thread all[THREADS];
	int soft = open("/dev/paimon-soft", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, 10); /* who looks at it comes first */
	for (uint32_t i = 0; i < threads; i++) {
		pthread_t id;

		all[i] = (struct thread){process, commands, soft,
					 .random = 1 + process * THREADS + i};
		if (i && pthread_create(&id, NULL, thread_main, &all[i]))
			die("pthread_create");
	}
	thread_main(&all[0]);
	_exit(1);
}

/* A descriptor of the folder of a cgroup, which is made. */
static int open_cgroup(const char *cgroup)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s%s", root, cgroup);
	for (char *c = path + strlen(root) + 1; *c; c++)
		if (*c == '/') {
			*c = '\0';
			mkdir(path, 0755);
			*c = '/';
		}
	if (mkdir(path, 0755) && errno != EEXIST)
		die(path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

/* With the name that it has from the first instruction on. */
static void start(const char *cgroup, uint32_t threads)
{
	struct process *process = &processes[nr];
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
	int commands[2];
	char comm[16];

	if (nr == PROCESSES || !threads || threads > THREADS) {
		errno = E2BIG;
		die("start");
	}
	snprintf(comm, sizeof(comm), "load-%u", nr);
	prctl(PR_SET_NAME, comm);
	if (pipe2(commands, O_CLOEXEC) < 0)
		die("pipe");
	args.cgroup = open_cgroup(cgroup);
	*process = (struct process){.commands = commands[1], .threads = threads};
	snprintf(process->cgroup, sizeof(process->cgroup), "%s", cgroup);
	process->pid = syscall(SYS_clone3, &args, sizeof(args));
	if (process->pid < 0)
		die("clone3");
	if (!process->pid)
		process_main(nr, commands[0], threads);
	process->was = process->pid;
	close(commands[0]);
	close(args.cgroup);
	printf("{\"process\": %u, \"pid\": \"%d\"}\n", nr, process->pid);
	nr++;
}

/* Reads a file of /proc; a task that is gone leaves it empty. */
static void slurp(char *text, size_t size, const char *format, pid_t pid, const char *task)
{
	char path[64];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), format, pid, task);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? 0 : read(fd, text, size - 1);
	text[length > 0 ? length : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Calls a function for each thread of a process until it returns false. */
static bool for_threads(const struct process *process,
			bool (*function)(const struct process *, const char *, uint64_t *),
			uint64_t *value)
{
	bool all = true;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", process->pid);
	dir = opendir(path);
	if (!dir)
		die(path);
	while (all && (entry = readdir(dir)))
		if (isdigit(entry->d_name[0]))
			all = function(process, entry->d_name, value);
	closedir(dir);
	return all;
}

/* Asleep in read(2): the kernel shows where only when the task is off its CPU. */
static bool sleeps(const struct process *process, const char *task, uint64_t *nr_threads)
{
	char text[256];
	long call;

	slurp(text, sizeof(text), "/proc/%d/task/%s/syscall", process->pid, task);
	++*nr_threads;
	return sscanf(text, "%ld", &call) == 1 && call == SYS_read;
}

static bool at_rest(const struct process *process)
{
	uint64_t threads = 0;
	int unread;

	return !ioctl(process->commands, FIONREAD, &unread) && !unread &&
	       for_threads(process, sleeps, &threads) && threads == process->threads;
}

static bool add_switches(const struct process *process, const char *task, uint64_t *sum)
{
	char text[4096];
	const char *line;

	slurp(text, sizeof(text), "/proc/%d/task/%s/status", process->pid, task);
	for (line = text; (line = strstr(line, "ctxt_switches:")); line++)
		*sum += strtoull(line + strlen("ctxt_switches:"), NULL, 10);
	return true;
}

static struct counts count(uint32_t i)
{
	const struct process *process = &processes[i];
	struct counts counts = process->ended;
	unsigned long long minor, major;
	char text[1024];

	if (process->pid) {
		slurp(text, sizeof(text), "/proc/%d/stat", process->pid, NULL);
		if (!strrchr(text, ')') ||
		    sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu %*u",
			   &minor, &major) != 2)
			die("/proc/PID/stat");
		counts.faults = minor + major;
		for_threads(process, add_switches, &counts.switches);
	}
	for (int f = 0; f < COUNTERS; f++)
		counts.nnpa[f] = __atomic_load_n(&shared->processes[i].executed[f],
						 __ATOMIC_SEQ_CST);
	counts.uncounted = __atomic_load_n(&shared->processes[i].uncounted, __ATOMIC_SEQ_CST);
	return counts;
}

static void print_row(FILE *out, uint32_t i)
{
	static const char *const names[] = {PAIMON_NNPA_NAMES};
	const struct process *process = &processes[i];
	const struct counts *before = &process->before, now = count(i);
	const char *separator = "";

	fprintf(out,
		"{\"process\": %u, \"pid\": \"%d\", \"comm\": \"load-%u\", \"cgroup\": \"%s\", "
		"\"threads\": %u, \"faults\": %llu, \"uncounted\": %llu, \"switches\": ",
		i, process->was, i, process->cgroup, process->threads,
		(unsigned long long)(now.faults - before->faults),
		(unsigned long long)(now.uncounted - before->uncounted));
	if (process->pid)
		fprintf(out, "%llu, \"nnpa\": {",
			(unsigned long long)(now.switches - before->switches));
	else
		fprintf(out, "null, \"nnpa\": {");
	for (int f = 0; f < COUNTERS; f++) {
		if (now.nnpa[f] == before->nnpa[f])
			continue;
		fprintf(out, "%s\"%s\": %llu", separator, names[f],
			(unsigned long long)(now.nnpa[f] - before->nnpa[f]));
		separator = ", ";
	}
	fprintf(out, "}}");
}

static void report(void)
{
	const char *separator;

	fflush(left_rows);
	separator = left_size ? ", " : "";
	printf("[%s", left);
	for (uint32_t i = 0; i < nr; i++) {
		if (!processes[i].pid)
			continue;
		printf("%s", separator);
		print_row(stdout, i);
		separator = ", ";
	}
	printf("]\n");
}

static void go(uint32_t i, const struct work *work)
{
	static const char bytes[THREADS] = "gggggggggggggggg";

	shared->processes[i].work = *work;
	if (write(processes[i].commands, bytes, processes[i].threads) != processes[i].threads)
		die("go");
}

static void move(uint32_t i, const char *cgroup)
{
	struct process *process = &processes[i];
	int dir = open_cgroup(cgroup), fd = openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	fprintf(left_rows, "%s", ftell(left_rows) ? ", " : "");
	print_row(left_rows, i);
	process->before = count(i);
	if (fd < 0 || dprintf(fd, "%d", process->pid) < 0)
		die(cgroup);
	close(fd);
	close(dir);
	snprintf(process->cgroup, sizeof(process->cgroup), "%s", cgroup);
}

static void end(uint32_t i)
{
	struct process *process = &processes[i];
	struct rusage usage;
	int status;

	if (write(process->commands, "e", 1) != 1 ||
	    wait4(process->pid, &status, 0, &usage) != process->pid || status)
		die("end");
	process->ended.faults = usage.ru_minflt + usage.ru_majflt;
	process->pid = 0;
	close(process->commands);
	print_row(stdout, i);
	printf("\n");
}

static void rest(void)
{
	for (uint32_t i = 0; i < nr; i++)
		while (processes[i].pid && !at_rest(&processes[i])) {
			siginfo_t info = {};

			waitid(P_PID, processes[i].pid, &info, WEXITED | WNOHANG | WNOWAIT);
			if (info.si_pid)
				die("a process has ended by itself");
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		}
}

static struct work parse_work(void)
{
	struct work work = {.rounds = 1, .nap = 50, .functions = PAIMON_NNPA_COUNTERS_1ST};
	const struct {
		const char *name;
		uint64_t *value;
	} keys[] = {{"rounds", &work.rounds},
		    {"faults", &work.faults},
		    {"naps", &work.naps},
		    {"nap", &work.nap},
		    {"calls", &work.calls},
		    {"compute", &work.compute},
		    {"functions", &work.functions},
		    {"cpus", &work.cpus},
		    {NULL, NULL}};
	char *word, *value;

	while ((word = strtok(NULL, " "))) {
		int k = 0;

		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		while (keys[k].name && strcmp(keys[k].name, word) != 0)
			k++;
		if (!value || !keys[k].name) {
			errno = EINVAL;
			die(word);
		}
		*keys[k].value = strtoull(value, NULL, 0);
	}
	return work;
}

/* A process that has not ended. */
static uint32_t parse_process(const char *word)
{
	uint32_t i = word ? strtoul(word, NULL, 10) : PROCESSES;

	if (i >= nr || !processes[i].pid) {
		errno = ESRCH;
		die(word ?: "a process");
	}
	return i;
}

static void perform(char *line)
{
	const char *command = strtok(line, " \n") ?: "", *word = strtok(NULL, " \n");
	const char *second;

	if (strcmp(command, "start") == 0 && word) {
		second = strtok(NULL, " \n");
		start(word, second ? strtoul(second, NULL, 10) : 1);
		return;
	}
	if (strcmp(command, "wait") == 0 || strcmp(command, "report") == 0) {
		if (command[0] == 'w')
			rest();
		report();
		return;
	}
	if (strcmp(command, "end") == 0) {
		end(parse_process(word));
		return;
	}
	if (strcmp(command, "go") == 0 && word) {
		struct work work = parse_work();

		shared->halt = false;
		if (strcmp(word, "all") != 0)
			go(parse_process(word), &work);
		else
			for (uint32_t i = 0; i < nr; i++)
				if (processes[i].pid)
					go(i, &work);
	} else if (strcmp(command, "halt") == 0) {
		shared->halt = true;
	} else if (strcmp(command, "move") == 0 && (second = strtok(NULL, " \n"))) {
		move(parse_process(word), second);
	} else {
		errno = EINVAL;
		die(command);
	}
	printf("{}\n");
}

int main(void)
{
	char line[1024];

	if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0)
		root = "/sys/fs/cgroup/unified";
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	left_rows = open_memstream(&left, &left_size);
	if (shared == MAP_FAILED || !left_rows)
		die("memory");
	while (fgets(line, sizeof(line), stdin)) {
		perform(line);
		fflush(stdout);
	}
	for (uint32_t i = 0; i < nr; i++)
		if (processes[i].pid) {
			kill(processes[i].pid, SIGKILL);
			waitpid(processes[i].pid, NULL, 0);
		}
	return 0;
}
