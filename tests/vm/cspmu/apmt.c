// SPDX-License-Identifier: GPL-2.0
/*
 * An EFI program that adds the table APMT (Arm DEN0117) to the ACPI tables of QEMU's firmware, and
 * ends: the system PMUs of pages.dts, in an NVDIMM, as tests/vm/run boots with --kernel 6.12-apmt.
 * Offsets in the tables of the firmware are those of UEFI 2.10.
 */
#include <stdint.h>

#define BASE 0x80000000
#define DUAL_PAGE 1
#define ATOMIC 4
#define EDGE 1

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
			NODE(1, 1, .flags = DUAL_PAGE, .page1 = BASE + 0x2000, .irq = 32 + 96,
			     .irq_flags = EDGE, .processor = 1),
			NODE(2, 3, .flags = ATOMIC), NODE(3, 4), NODE(4, 5), NODE(5, 6),
			NODE(6, 7, .pmiidr = 0x1ee0036b), /* not what its register says */
		},
};

struct acpi_protocol {
	uint64_t (*install)(struct acpi_protocol *self, void *table, uint64_t size, uint64_t *key);
};

struct boot_services {
	char before[24 + 37 * 8];
	uint64_t (*locate_protocol)(const void *guid, void *registration, void *ret_protocol);
};

struct system_table {
	char before[96];
	struct boot_services *boot_services;
};

uint64_t efi_main(void *image, struct system_table *system)
{
	static const uint8_t acpi_protocol[] = {0xdd, 0x6b, 0xe0, 0xff, 0x07, 0x61, 0xa6, 0x46,
						0x7b, 0xb2, 0x5a, 0x9c, 0x7e, 0xc5, 0x27, 0x5c};
	struct acpi_protocol *acpi;
	uint64_t key, ret;
	uint8_t sum = 0;

	for (uint64_t i = 0; i < sizeof(apmt); i++)
		sum += ((uint8_t *)&apmt)[i];
	apmt.checksum = -sum;
	ret = system->boot_services->locate_protocol(acpi_protocol, 0, &acpi);
	return ret ? ret : acpi->install(acpi, &apmt, sizeof(apmt), &key);
}
