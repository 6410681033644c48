/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A formula over the rates of events: names of events, numbers, + - * / and parentheses. A name is
 * as the PMU lists it, so it can contain dots and minus signs: a-b is a name, a - b a difference.
 *
 * A name stands for the event's rate per second. Then a formula has the same form as with rate()
 * in Prometheus: bytes per second are cas_count_read * 64, and a mean time in seconds is
 * outstanding / accesses / cycles. No state: any thread.
 */
#ifndef PAIMON_FORMULA_H
#define PAIMON_FORMULA_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define FORMULA_MAX_TEXT 512 /* length of the text */
#define FORMULA_MAX_STEPS 64 /* numbers, names and operators together */
#define FORMULA_MAX_DEPTH 16 /* of the stack, and of parentheses */
#define FORMULA_MAX_NAME 63  /* length of an event's name */

enum formula_op {
	FORMULA_NUMBER,
	FORMULA_EVENT,
	FORMULA_ADD,
	FORMULA_SUBTRACT,
	FORMULA_MULTIPLY,
	FORMULA_DIVIDE,
};

/* The steps are in postfix order: an operator takes the last two values and leaves one. */
struct formula_step {
	enum formula_op op;
	double number; /* finite, not negative */
	size_t event;  /* index in the events */
};

struct formula {
	size_t nr_steps;
	struct formula_step steps[FORMULA_MAX_STEPS];
};

/*
 * events: the names that the text may use; at least one must occur. On failure returns -EINVAL or
 * -ENOMEM and *ret_error (to be freed; NULL: out of memory) says what is wrong. A division by
 * what is always 0 is such an error.
 */
int formula_parse(const char *text, char *const *events, size_t nr_events,
		  struct formula **ret_formula, char **ret_error);
void formula_free(struct formula *formula);
DEFINE_CLEANUP(struct formula *, formula_free);

/* Can the formula not be evaluated without this event? */
bool formula_uses(const struct formula *formula, size_t event);

/*
 * rates: per second, one for each of the events; NAN: not known. Returns false, and leaves
 * *ret_value, if there is no value: a rate is not known, a divisor is 0 or the value is too large.
 * So *ret_value is finite.
 */
bool formula_value(const struct formula *formula, const double *rates, double *ret_value);

/* Is this a valid name of an event: 1 to 63 letters, digits and _ . - that begin with a letter or
 * _ and do not end with - ? */
bool formula_name_valid(const char *name);

#endif
