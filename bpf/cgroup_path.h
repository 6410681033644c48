/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The path of a cgroup of cgroup v2, as a key of maps: padded with zeroes. With __BPF__, also the
 * function that finds it; only programs may call it, each time with the scratch memory of their
 * CPU.
 */
#ifndef PAIMON_BPF_CGROUP_PATH_H
#define PAIMON_BPF_CGROUP_PATH_H

#define CGROUP_PATH 512 /* with its NUL; longer ones are not found */
#define CGROUP_DEPTH 16 /* components; the same */

#ifdef __BPF__

struct cgroup_name {
	char c[256];
};

/* Too large for the stack. */
struct cgroup_path {
	char path[CGROUP_PATH + sizeof(struct cgroup_name)]; /* and room for one more name */
	u64 names[CGROUP_DEPTH];			     /* from the cgroup up */
	struct cgroup_name name;
};

static __always_inline const struct kernfs_node *parent_of(const struct kernfs_node *kn)
{
	const struct kernfs_node___6_15 *newer = (const void *)kn;

	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* The differences between a literal and the bytes of a name from an index on: 0 if there are none.
 * The verifier follows each branch, so there are none. */
#define differs(name, at, literal)                                                               \
	({                                                                                       \
		u32 difference = 0;                                                              \
		_Pragma("clang loop unroll(full)") for (u32 i = 0; i < sizeof(literal) - 1; i++) \
			difference |= (name)->c[masked((at) + i, 255)] ^ (literal)[i];           \
		difference;                                                                      \
	})

static __always_inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is this a scope of a session, or a scope or service that systemd-run has named: run-NAME.scope,
 * run-uNUMBER, run-pPID-iID, run-rID? length: of name, without its NUL. */
__noinline int is_transient(const struct cgroup_name *name, u32 length)
{
	bool run, session;

	if (!name || length < sizeof("run-.scope") - 1)
		return 0;
	run = !differs(name, 0, "run-");
	session = !differs(name, 0, "session-");
	if (!differs(name, length - (sizeof(".scope") - 1), ".scope"))
		return run || session;
	if (!run || differs(name, length - (sizeof(".service") - 1), ".service"))
		return 0;
	return name->c[4] == 'r' ? length == sizeof("run-r.service") - 1 + 32
				 : (name->c[4] == 'u' || name->c[4] == 'p') && is_digit(name->c[5]);
}

/* The number of components of a path of this depth before the first transient one. */
__noinline int fold_depth(struct cgroup_path *s, u32 depth)
{
	if (!s)
		return 0;
	for_up_to(i, depth, CGROUP_DEPTH)
	{
		long r = bpf_probe_read_kernel_str(
			s->name.c, sizeof(s->name),
			(const void *)s->names[masked(depth - 1 - i, CGROUP_DEPTH - 1)]);

		if (r > 1 && is_transient(&s->name, r - 1))
			return i;
	}
	return depth;
}

/* Writes the path of a cgroup, from the root, which has no name. folds: of a transient scope or
 * service (is_transient()) and of all below it, that of its parent. 0 if it is too long or too
 * deep. */
__noinline int cgroup_path_of(u64 node, struct cgroup_path *s, int folds)
{
	const struct kernfs_node *kn = (const void *)node, *parent = parent_of(kn);
	u32 depth = 0, len = 0, nr;
	char *name;
	long r;

	if (!s)
		return 0;
	for_up_to(i, CGROUP_DEPTH, CGROUP_DEPTH)
	{
		if (!parent)
			break;
		s->names[i] = (u64)BPF_CORE_READ(kn, name);
		depth = i + 1;
		kn = parent;
		parent = parent_of(kn);
	}
	if (parent)
		return 0;
	nr = folds ? fold_depth(s, depth) : depth;
	__builtin_memset(s->path, 0, CGROUP_PATH);
	s->path[0] = '/';
	for_up_to(i, nr, CGROUP_DEPTH)
	{
		if (len >= CGROUP_PATH)
			break;
		name = s->path + masked(len, CGROUP_PATH - 1);
		*name = '/';
		r = bpf_probe_read_kernel_str(
			name + 1, 256,
			(const void *)s->names[masked(depth - 1 - i, CGROUP_DEPTH - 1)]);
		len = r > 1 ? len + r : CGROUP_PATH;
	}
	return len < CGROUP_PATH;
}

struct path_words {
	u64 words[CGROUP_PATH / 8];
};

/* Are two paths the same? */
__noinline int same_path(const struct path_words *a, const struct path_words *b)
{
	if (!a || !b)
		return 0;
	for_up_to(i, CGROUP_PATH / 8, CGROUP_PATH / 8)
	{
		if (a->words[i] != b->words[i])
			return 0;
		if (!a->words[i])
			break;
	}
	return 1;
}

#endif
#endif
