// SPDX-License-Identifier: GPL-2.0
/*
 * An EFI program that adds the table APMT (Arm DEN0117) to the ACPI tables of QEMU's firmware, and
 * ends: the system PMUs of pages.dts, in an NVDIMM, as tests/vm/run boots with --kernel 6.12-apmt.
 * One of them belongs to a processor container, which QEMU does not have: it is put around CPU 1.
 * Offsets in the tables of the firmware are those of UEFI 2.10 and ACPI 6.5, whose chapter 20 has
 * the bytes of the DSDT.
 */
#include <stdint.h>

#define BASE 0x80000000
#define DUAL_PAGE 1
#define AFFINITY 2
#define ATOMIC 4
#define EDGE 1
#define CONTAINER 100 /* its _UID */
#define ACPI_RECLAIM_MEMORY 9

struct __attribute__((packed)) node {
	uint16_t length;
	uint8_t flags, type;
	uint32_t id;
	uint64_t primary;
	uint32_t secondary;
	uint64_t page0, page1;
	uint32_t irq, reserved, irq_flags, processor, pmiidr;
};

/* All of type 0, a memory controller. */
#define NODE(number, page, ...)                                                                 \
	{                                                                                       \
		.length = sizeof(struct node), .id = (number), .page0 = BASE + 0x1000 * (page), \
		__VA_ARGS__                                                                     \
	}

static struct __attribute__((packed)) {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
	struct node nodes[7];
} apmt = {
	.signature = {'A', 'P', 'M', 'T'},
	.length = sizeof(apmt),
	.oem = {'P', 'A', 'I', 'M', 'O', 'N'},
	.nodes =
		{
			NODE(0, 0, .flags = ATOMIC),
			NODE(1, 1, .flags = DUAL_PAGE | AFFINITY, .page1 = BASE + 0x2000,
			     .irq = 32 + 96, .irq_flags = EDGE, .processor = CONTAINER),
			NODE(2, 3, .flags = ATOMIC), NODE(3, 4), NODE(4, 5), NODE(5, 6),
			NODE(6, 7, .pmiidr = 0x1ee0036b), /* not what its register says */
		},
};

struct acpi_protocol {
	uint64_t (*install)(struct acpi_protocol *self, void *table, uint64_t size, uint64_t *key);
};

struct boot_services {
	char before[24 + 5 * 8];
	uint64_t (*allocate)(uint64_t type, uint64_t size, void *ret_memory);
	char between[31 * 8];
	uint64_t (*locate_protocol)(const void *guid, void *registration, void *ret_protocol);
};

struct system_table {
	char before[96];
	struct boot_services *boot_services;
	uint64_t nr_tables;
	struct __attribute__((packed)) {
		uint8_t guid[16];
		uint8_t *table;
	} * tables;
};

struct __attribute__((packed)) header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char rest[26];
};

struct __attribute__((packed)) fadt {
	struct header header;
	uint32_t facs, dsdt_low; /* 0: only the long address counts */
	char before[96];
	struct header *dsdt;
};

/* The device in which the container has CPU 1, without the latter. */
static const uint8_t container[] = {0x5b, 0x82, 55,  'C', 'L', 'U', '0', 8,   '_',	'H',
				    'I',  'D',	0xd, 'A', 'C', 'P', 'I', '0', '0',	'1',
				    '0',  0,	8,   '_', 'U', 'I', 'D', 0xa, CONTAINER};
static const uint8_t cpu1[] = {0x5b, 0x82, 26, 'C', '0', '0', '1'};

static void sum_up(struct header *table)
{
	uint8_t sum = 0;

	table->checksum = 0;
	for (uint32_t i = 0; i < table->length; i++)
		sum += ((uint8_t *)table)[i];
	table->checksum = -sum;
}

static int starts(const uint8_t *at, const void *with, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (at[i] != ((const uint8_t *)with)[i])
			return 0;
	return 1;
}

static struct fadt *find_fadt(const struct system_table *system)
{
	static const uint8_t acpi[] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
				       0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};

	for (uint64_t i = 0; i < system->nr_tables; i++) {
		uint8_t *xsdt;

		if (!starts(system->tables[i].guid, acpi, sizeof(acpi)))
			continue;
		xsdt = *(uint8_t **)(system->tables[i].table + 24);
		for (uint32_t at = 36; at < ((struct header *)xsdt)->length; at += 8) {
			struct fadt *fadt = *(struct fadt **)(xsdt + at);

			if (starts((uint8_t *)fadt, "FACP", 4))
				return fadt;
		}
	}
	return 0;
}

/* The length of the first scope of a DSDT, which has the CPUs, grows. */
static void lengthen_scope(uint8_t *scope, uint32_t by)
{
	uint32_t nr = scope[1] >> 6, length = scope[1] & 15;

	for (uint32_t i = 0; i < nr; i++)
		length |= scope[2 + i] << (4 + 8 * i);
	length += by;
	scope[1] = nr << 6 | (length & 15);
	for (uint32_t i = 0; i < nr; i++)
		scope[2 + i] = length >> (4 + 8 * i);
}

static uint64_t add_container(const struct system_table *system)
{
	struct fadt *fadt = find_fadt(system);
	uint8_t *from, *to;
	uint32_t length, at = 36;

	if (!fadt)
		return 1;
	from = (uint8_t *)fadt->dsdt;
	length = fadt->dsdt->length;
	while (at < length && !starts(from + at, cpu1, sizeof(cpu1)))
		at++;
	if (at == length || from[36] != 0x10 || !(from[37] >> 6) ||
	    system->boot_services->allocate(ACPI_RECLAIM_MEMORY, length + sizeof(container), &to))
		return 1;
	for (uint32_t i = 0; i < length; i++)
		to[i < at ? i : i + sizeof(container)] = from[i];
	for (uint32_t i = 0; i < sizeof(container); i++)
		to[at + i] = container[i];
	lengthen_scope(to + 36, sizeof(container));
	fadt->dsdt = (struct header *)to;
	fadt->dsdt_low = 0;
	fadt->dsdt->length = length + sizeof(container);
	sum_up(fadt->dsdt);
	sum_up(&fadt->header);
	return 0;
}

uint64_t efi_main(void *image, struct system_table *system)
{
	static const uint8_t acpi_protocol[] = {0xdd, 0x6b, 0xe0, 0xff, 0x07, 0x61, 0xa6, 0x46,
						0x7b, 0xb2, 0x5a, 0x9c, 0x7e, 0xc5, 0x27, 0x5c};
	struct acpi_protocol *acpi;
	uint64_t key, ret;

	sum_up((struct header *)&apmt);
	ret = system->boot_services->locate_protocol(acpi_protocol, 0, &acpi);
	ret = ret ? ret : acpi->install(acpi, &apmt, sizeof(apmt), &key);
	return ret ? ret : add_container(system);
}
