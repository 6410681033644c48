// SPDX-License-Identifier: GPL-2.0
#include "rules.h"

#include <errno.h>
#include <string.h>

#define RANGE "5m"
#define METRIC "paimon_cspmu_events_total"

static const char head[] =
	"# Recording rules of what system PMUs count, made from event sets: paimon-event-set(5).\n"
	"groups:\n";

/* What the unit adds to the name of a metric. */
static const char *const suffixes[] = {
	[EVENT_SET_BYTES_PER_SECOND] = "_bytes",
	[EVENT_SET_SECONDS] = "_seconds",
	[EVENT_SET_RATIO] = "_ratio",
	[EVENT_SET_PER_SECOND] = "",
};

/* How an expression binds. */
enum binding {
	BINDS_SUM,
	BINDS_PRODUCT,
	BINDS_OPERAND,
};

/* An expression on the stack. */
struct term {
	struct buffer text;
	enum binding binding;
	bool is_vector; /* else a number */
};

/* A pattern of fnmatch(3) as a regular expression in a string of PromQL. */
static void add_pattern(struct buffer *buffer, const char *pattern)
{
	for (const char *c = pattern; *c; c++) {
		if (*c == '*')
			buffer_add_string(buffer, ".*");
		else if (*c == '?')
			buffer_add_string(buffer, ".");
		else if (*c == '.')
			buffer_add_string(buffer, "[.]");
		else if (*c == '!') /* only after [ */
			buffer_add_string(buffer, "^");
		else
			buffer_add(buffer, c, 1);
	}
}

static void add_event(struct buffer *buffer, const struct event_set *set, size_t event)
{
	buffer_add_string(buffer, "sum without (event) (rate(" METRIC "{pmu=~\"");
	for (char **pattern = set->pmus; *pattern; pattern++) {
		add_pattern(buffer, *pattern);
		buffer_add_string(buffer, pattern[1] ? "|" : "\",event=\"");
	}
	buffer_add_string(buffer, set->events[event]);
	buffer_add_string(buffer, "\"}[" RANGE "]))");
}

static void add_term(struct buffer *buffer, struct term *term, bool parentheses)
{
	buffer->error = buffer->error ?: term->text.error;
	buffer_add_string(buffer, parentheses ? "(" : "");
	buffer_add(buffer, term->text.data, term->text.size);
	buffer_add_string(buffer, parentheses ? ")" : "");
	free(term->text.data);
	term->text = (struct buffer){};
}

/* Applies an operator to left, which becomes the result. */
static void apply(enum formula_op op, struct term *left, struct term *right)
{
	enum binding binding = op <= FORMULA_SUBTRACT ? BINDS_SUM : BINDS_PRODUCT;
	struct term result = {
		.binding = binding,
		.is_vector = left->is_vector || right->is_vector,
	};
	const char *const operators[] = {
		[FORMULA_ADD] = " + ",
		[FORMULA_SUBTRACT] = " - ",
		[FORMULA_MULTIPLY] = " * ",
		[FORMULA_DIVIDE] = " / ",
	};

	add_term(&result.text, left, left->binding < binding);
	buffer_add_string(&result.text, operators[op]);
	if (op == FORMULA_DIVIDE && right->is_vector) {
		/* Of a comparison what is equal to 0 is no sample: no value, as formula_value(). */
		buffer_add_string(&result.text, "(");
		add_term(&result.text, right, false);
		buffer_add_string(&result.text, " != 0)");
	} else {
		add_term(&result.text, right, right->binding <= binding);
	}
	*left = result;
}

static void add_formula(struct buffer *buffer, const struct event_set *set,
			const struct formula *formula)
{
	struct term stack[FORMULA_MAX_DEPTH] = {};
	size_t depth = 0;

	for (size_t i = 0; i < formula->nr_steps; i++) {
		const struct formula_step *step = &formula->steps[i];

		if (step->op > FORMULA_EVENT) {
			depth--;
			apply(step->op, &stack[depth - 1], &stack[depth]);
			continue;
		}
		stack[depth] = (struct term){
			.binding = BINDS_OPERAND,
			.is_vector = step->op == FORMULA_EVENT,
		};
		if (step->op == FORMULA_EVENT)
			add_event(&stack[depth].text, set, step->event);
		else
			buffer_add_real(&stack[depth].text, step->number);
		depth++;
	}
	add_term(buffer, &stack[0], false);
}

/* A comment in ASCII: YAML has more characters that end a line than a help can have. */
static void add_comment(struct buffer *buffer, const char *text)
{
	buffer_add_string(buffer, "  # ");
	for (const char *c = text; *c; c++)
		buffer_add(buffer, (unsigned char)*c < 0x80 ? c : "?", 1);
	buffer_add_string(buffer, "\n");
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && !strcmp(text + length - wanted, end);
}

static void add_rule(struct buffer *buffer, const struct event_set *set,
		     const struct event_set_formula *formula)
{
	const char *suffix = suffixes[formula->unit];

	add_comment(buffer, formula->help);
	buffer_add_string(buffer, "  - record: pmu:paimon_cspmu_");
	buffer_add_string(buffer, formula->name);
	buffer_add_string(buffer, ends_with(formula->name, suffix) ? "" : suffix);
	buffer_add_string(buffer, ":rate" RANGE "\n    expr: '");
	add_formula(buffer, set, formula->formula);
	buffer_add_string(buffer, "'\n    labels:\n      family: '");
	buffer_add_string(buffer, set->name);
	buffer_add_string(buffer, "'\n");
}

void event_rules(struct buffer *buffer, const struct event_sets *sets)
{
	buffer_add_string(buffer, head);
	for (size_t i = 0; i < sets->nr_sets; i++) {
		const struct event_set *set = sets->sets[i];

		if (!set->nr_formulas)
			continue;
		add_comment(buffer, set->help);
		buffer_add_string(buffer, "- name: 'paimon-cspmu-");
		buffer_add_string(buffer, set->name);
		buffer_add_string(buffer, "'\n  rules:\n");
		for (size_t j = 0; j < set->nr_formulas; j++)
			add_rule(buffer, set, &set->formulas[j]);
	}
}
