// SPDX-License-Identifier: GPL-2.0
#include "passwords.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "text.h"

struct passwords {
	pthread_t thread;
	pthread_mutex_t mutex; /* for what follows, up to key */
	pthread_cond_t wakeup;
	struct password_check *waiting, *done;
	size_t nr_waiting;
	bool stop;
	unsigned char key[32];
	int eventfd;
	sd_event_source *source;
};

/* Takes the least urgent one that waits out, the last of them, if it is less urgent than this. */
static struct password_check *displace(struct passwords *passwords, unsigned int urgency)
{
	struct password_check **worst = NULL, *check;

	for (struct password_check **p = &passwords->waiting; *p; p = &(*p)->next)
		if ((*p)->urgency > urgency && (!worst || (*p)->urgency >= (*worst)->urgency))
			worst = p;
	if (!worst)
		return NULL;
	check = *worst;
	*worst = check->next;
	check->next = NULL;
	passwords->nr_waiting--;
	return check;
}

/* Takes the most urgent one out of those that wait. */
static struct password_check *take(struct passwords *passwords)
{
	struct password_check **best = &passwords->waiting, *check;

	for (struct password_check **p = best; *p; p = &(*p)->next)
		if ((*p)->urgency < (*best)->urgency)
			best = p;
	check = *best;
	*best = check->next;
	passwords->nr_waiting--;
	return check;
}

static bool is_right(const struct password_check *check, struct crypt_data *data)
{
	const char *hash = crypt_r(check->password, check->hash, data);

	return hash && strlen(hash) == strlen(check->hash) &&
	       !gnutls_memcmp(hash, check->hash, strlen(hash));
}

static void *work(void *data)
{
	struct passwords *passwords = data;
	struct crypt_data *scratch = calloc(1, sizeof(*scratch)); /* 32 KiB */
	static const uint64_t one = 1;

	pthread_mutex_lock(&passwords->mutex);
	while (!passwords->stop) {
		struct password_check *check;

		if (!passwords->waiting) {
			pthread_cond_wait(&passwords->wakeup, &passwords->mutex);
			continue;
		}
		check = take(passwords);
		pthread_mutex_unlock(&passwords->mutex);
		check->right = scratch && is_right(check, scratch);
		pthread_mutex_lock(&passwords->mutex);
		check->next = passwords->done;
		passwords->done = check;
		if (write(passwords->eventfd, &one, sizeof(one)) < 0)
			break; /* it cannot fail */
	}
	pthread_mutex_unlock(&passwords->mutex);
	if (scratch)
		explicit_bzero(scratch, sizeof(*scratch));
	free(scratch);
	return NULL;
}

static void finish(struct password_check *list)
{
	struct password_check *next;

	for (struct password_check *check = list; check; check = next) {
		next = check->next;
		text_free_secret(check->password, strlen(check->password));
		check->password = NULL;
		check->done(check, check->right);
	}
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct passwords *passwords = data;
	struct password_check *done;
	uint64_t nr;

	if (read(fd, &nr, sizeof(nr)) < 0)
		return 0;
	pthread_mutex_lock(&passwords->mutex);
	done = passwords->done;
	passwords->done = NULL;
	pthread_mutex_unlock(&passwords->mutex);
	finish(done);
	return 0;
}

int passwords_new(sd_event *event, struct passwords **ret_passwords)
{
	struct passwords *passwords = calloc(1, sizeof(*passwords));
	sigset_t all, before;
	int r;

	if (!passwords)
		return -ENOMEM;
	pthread_mutex_init(&passwords->mutex, NULL);
	pthread_cond_init(&passwords->wakeup, NULL);
	passwords->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = passwords->eventfd < 0 ? -errno : 0;
	if (!r && gnutls_rnd(GNUTLS_RND_KEY, passwords->key, sizeof(passwords->key)) < 0)
		r = -EIO;
	if (!r)
		r = sd_event_add_io(event, &passwords->source, passwords->eventfd, EPOLLIN, on_done,
				    passwords);
	/* Signals are for the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r >= 0)
		r = -pthread_create(&passwords->thread, NULL, work, passwords);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		sd_event_source_disable_unref(passwords->source);
		if (passwords->eventfd >= 0)
			close(passwords->eventfd);
		free(passwords);
		return r;
	}
	*ret_passwords = passwords;
	return 0;
}

struct passwords *passwords_free(struct passwords *passwords)
{
	if (!passwords)
		return NULL;
	pthread_mutex_lock(&passwords->mutex);
	passwords->stop = true;
	pthread_cond_signal(&passwords->wakeup);
	pthread_mutex_unlock(&passwords->mutex);
	pthread_join(passwords->thread, NULL);
	finish(passwords->done);
	finish(passwords->waiting);
	sd_event_source_disable_unref(passwords->source);
	close(passwords->eventfd);
	explicit_bzero(passwords->key, sizeof(passwords->key));
	free(passwords);
	return NULL;
}

int passwords_check(struct passwords *passwords, struct password_check *check)
{
	struct password_check **end, *displaced = NULL;

	check->next = NULL;
	check->right = check->refused = false;
	pthread_mutex_lock(&passwords->mutex);
	if (passwords->nr_waiting >= PASSWORDS_MAX)
		displaced = displace(passwords, check->urgency);
	if (passwords->nr_waiting >= PASSWORDS_MAX) {
		pthread_mutex_unlock(&passwords->mutex);
		return -EBUSY;
	}
	for (end = &passwords->waiting; *end; end = &(*end)->next)
		;
	*end = check;
	passwords->nr_waiting++;
	pthread_cond_signal(&passwords->wakeup);
	pthread_mutex_unlock(&passwords->mutex);
	if (displaced)
		displaced->refused = true;
	finish(displaced);
	return 0;
}

int passwords_hash(struct passwords *passwords, const char *password, struct verified *ret_hash)
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, passwords->key, sizeof(passwords->key), password,
				strlen(password), ret_hash->hash)
		       ? -EIO
		       : 0;
}

bool passwords_same(const struct verified *a, const struct verified *b)
{
	return !gnutls_memcmp(a->hash, b->hash, sizeof(a->hash));
}
