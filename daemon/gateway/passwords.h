/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Are passwords right? bcrypt takes tens of milliseconds on purpose, so a thread of its own
 * computes it, and the loop goes on. Whoever has tried least comes first: an address that guesses
 * does not keep others waiting. A password that was right is remembered by a hash, keyed with a
 * number that this process alone knows, so that scrapes do not cost a bcrypt each.
 *
 * All functions are called on the loop's thread.
 */
#ifndef PAIMON_GATEWAY_PASSWORDS_H
#define PAIMON_GATEWAY_PASSWORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define PASSWORDS_MAX 64 /* that wait; of more, the least urgent one is refused */
#define PASSWORDS_HASH 61

struct passwords;

/* A password to check. The memory is the caller's until done() is called, once. */
struct password_check {
	char *password; /* freed by this */
	char hash[PASSWORDS_HASH];
	unsigned int urgency; /* 0 comes first; then as they came */
	void (*done)(struct password_check *check, bool right);
	bool refused; /* in done(): it gave its place to a more urgent one, and was not checked */
	struct password_check *next; /* for this */
	bool right;
};

int passwords_new(sd_event *event, struct passwords **ret_passwords);
/* Waits for the one that is computed; those that wait are done, as wrong. */
struct passwords *passwords_free(struct passwords *passwords);

/* 0, or -EBUSY: too many wait that are as urgent, and done() is not called. */
int passwords_check(struct passwords *passwords, struct password_check *check);

/* What is remembered of a right password; all zeros: of none. */
struct verified {
	unsigned char hash[32];
};
/* 0 or -EIO. */
int passwords_hash(struct passwords *passwords, const char *password, struct verified *ret_hash);
bool passwords_same(const struct verified *a, const struct verified *b);

#endif
