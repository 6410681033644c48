// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into paimond by soak: a clock that runs faster, in the process alone. Its time is that
 * of the kernel and what has been gained, by a file that both have mapped. The kernel's own time
 * stamps, such as those of BPF programs, are as they were.
 *
 * Timers of timerfd(2), which sd-event uses, wait accordingly shorter, and at most MAX_WAIT_NS,
 * since the speed may change meanwhile. What expired too early is set again when it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000LL
#define MAX_WAIT_NS 20000000LL
#define MAX_FD 1024

/* As in soak, which writes an element of now, and then its index. */
static struct control {
	int64_t index;
	struct {
		int64_t since_ns;  /* CLOCK_MONOTONIC of the kernel */
		int64_t gained_ns; /* until then */
		int64_t speed;
	} now[2];
	int64_t timers; /* out: set so far */
} * control;
static struct {
	clockid_t clock;
	int64_t end_ns; /* in the time of here; 0: not set */
} timers[MAX_FD];

static int64_t to_ns(const struct timespec *time)
{
	return time->tv_sec * SECOND_NS + time->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
	return (struct timespec){ns / SECOND_NS, ns % SECOND_NS};
}

static int64_t real_ns(clockid_t clock)
{
	struct timespec now = {};

	syscall(SYS_clock_gettime, clock, &now);
	return to_ns(&now);
}

static int64_t gained_ns(int64_t *ret_speed)
{
	int64_t i = __atomic_load_n(&control->index, __ATOMIC_ACQUIRE);

	*ret_speed = control->now[i].speed;
	return control->now[i].gained_ns +
	       (real_ns(CLOCK_MONOTONIC) - control->now[i].since_ns) * (*ret_speed - 1);
}

__attribute__((constructor)) static void map_control(void)
{
	int fd = open(getenv("SOAK_CLOCK") ?: "", O_RDWR | O_CLOEXEC);
	void *map = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd < 0 || map == MAP_FAILED)
		_exit(99);
	close(fd);
	control = map;
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	int64_t speed;

	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID || clock < 0 ||
	    !control)
		return syscall(SYS_clock_gettime, clock, ret_now);
	*ret_now = from_ns(real_ns(clock) + gained_ns(&speed));
	return 0;
}

time_t time(time_t *ret_now)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

int timerfd_create(int clock, int flags)
{
	int fd = syscall(SYS_timerfd_create, clock, flags);

	if (fd >= MAX_FD)
		abort();
	if (fd >= 0)
		timers[fd].clock = clock;
	return fd;
}

static int set(int fd)
{
	struct itimerspec wait = {};
	int64_t speed, gained = gained_ns(&speed), ns;

	if (timers[fd].end_ns) {
		ns = (timers[fd].end_ns - gained - real_ns(timers[fd].clock)) / speed;
		wait.it_value = from_ns(ns < 1 ? 1 : ns > MAX_WAIT_NS ? MAX_WAIT_NS : ns);
	}
	return syscall(SYS_timerfd_settime, fd, 0, &wait, NULL);
}

/* Of sd-event: once, without the old value. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *ret_old)
{
	int64_t speed, end = to_ns(&new->it_value);

	if (ret_old || to_ns(&new->it_interval))
		abort();
	if (end && !(flags & TFD_TIMER_ABSTIME))
		end += real_ns(timers[fd].clock) + gained_ns(&speed);
	timers[fd].end_ns = end;
	control->timers += !!end;
	return set(fd);
}

ssize_t read(int fd, void *ret_data, size_t size)
{
	ssize_t r = syscall(SYS_read, fd, ret_data, size);
	int64_t speed;

	if (r > 0 && fd < MAX_FD && timers[fd].end_ns) {
		if (real_ns(timers[fd].clock) + gained_ns(&speed) < timers[fd].end_ns) {
			set(fd);
			errno = EAGAIN;
			return -1;
		}
		timers[fd].end_ns = 0;
	}
	return r;
}
