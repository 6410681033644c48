/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many wrong passwords an address may try: ATTEMPTS_MAX at once, and one a second from then on.
 * An address is an IPv4 address, or the first 64 bits of an IPv6 address. The table is bounded: at
 * its end, the address that has been quiet for the longest time is forgotten. On the loop's thread.
 */
#ifndef PAIMON_GATEWAY_ATTEMPTS_H
#define PAIMON_GATEWAY_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ATTEMPTS_MAX 10
#define ATTEMPTS_ADDRESSES 1024
#define ATTEMPTS_NS 1000000000ULL /* until one comes back */

struct attempts {
	struct attempt {
		uint64_t address;
		uint64_t since_ns; /* CLOCK_MONOTONIC; 0: free */
		unsigned int used; /* as of since_ns */
	} all[ATTEMPTS_ADDRESSES];
};

/* Takes an attempt of an address (other than TCP: one for all). Returns how many it had used
 * before, or -1: none is left. */
int attempts_take(struct attempts *attempts, const struct sockaddr *address, uint64_t now_ns);
/* Gives it back: the password was right. */
void attempts_give_back(struct attempts *attempts, const struct sockaddr *address);

#endif
