// SPDX-License-Identifier: GPL-2.0
#include "attempts.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static uint64_t key_of(const struct sockaddr *address)
{
	const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
	uint32_t in;
	uint64_t key;

	if (address->sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(in6)) {
		memcpy(&key, in6, sizeof(key));
		return key;
	}
	if (address->sa_family == AF_INET6)
		memcpy(&in, &in6->s6_addr[12], sizeof(in));
	else if (address->sa_family == AF_INET)
		in = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
	else
		in = 0;
	return (uint64_t)0xffff << 32 | in; /* of no IPv6 network that is routed */
}

static struct attempt *find(struct attempts *attempts, uint64_t key)
{
	for (size_t i = 0; i < ATTEMPTS_ADDRESSES; i++)
		if (attempts->all[i].since_ns && attempts->all[i].address == key)
			return &attempts->all[i];
	return NULL;
}

/* A place for a further address: a free one, else that of the longest quiet. */
static struct attempt *make(struct attempts *attempts, uint64_t key)
{
	struct attempt *oldest = &attempts->all[0];

	for (size_t i = 1; i < ATTEMPTS_ADDRESSES && oldest->since_ns; i++)
		if (attempts->all[i].since_ns < oldest->since_ns)
			oldest = &attempts->all[i];
	*oldest = (struct attempt){.address = key};
	return oldest;
}

int attempts_take(struct attempts *attempts, const struct sockaddr *address, uint64_t now_ns)
{
	uint64_t key = key_of(address), back;
	struct attempt *attempt = find(attempts, key) ?: make(attempts, key);

	back = attempt->used ? (now_ns - attempt->since_ns) / ATTEMPTS_NS : 0;
	if (back >= attempt->used) {
		attempt->used = 0;
		attempt->since_ns = now_ns;
	} else {
		attempt->used -= back;
		attempt->since_ns += back * ATTEMPTS_NS;
	}
	if (attempt->used >= ATTEMPTS_MAX)
		return -1;
	return attempt->used++;
}

void attempts_give_back(struct attempts *attempts, const struct sockaddr *address)
{
	struct attempt *attempt = find(attempts, key_of(address));

	if (attempt && attempt->used)
		attempt->used--;
}
