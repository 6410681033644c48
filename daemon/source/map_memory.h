/* SPDX-License-Identifier: GPL-2.0 */
/* Mmaps the elements of BPF_F_MMAPABLE arrays. Any thread. */
#ifndef PAIMON_MAP_MEMORY_H
#define PAIMON_MAP_MEMORY_H

struct bpf_map;

/* Maps all elements of a map, for reading and writing. NULL on failure, with errno set. */
void *map_memory(const struct bpf_map *map);
/* Unmaps it. memory: from map_memory() of the same map, or NULL. */
void unmap_memory(const struct bpf_map *map, const void *memory);

/* Size of an element of a hash in bytes, besides key and value. */
#define MAP_HASH_BYTES 48

#endif
