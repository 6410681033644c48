// SPDX-License-Identifier: GPL-2.0
#include "formula.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_START LETTERS "_"
#define NAME_CHARS NAME_START DIGITS ".-"
#define MAX_NUMBER 1e30
#define MAX_NUMBER_LENGTH 32

struct parser {
	const char *rest;
	char *const *events;
	size_t nr_events;
	struct formula *formula;
	size_t parentheses; /* open ones */
	size_t depth;	    /* of the stack after the steps so far */
	char **ret_error;
};

bool formula_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length && length <= FORMULA_MAX_NAME && strchr(NAME_START, *name) &&
	       strspn(name, NAME_CHARS) == length && name[length - 1] != '-';
}

static void skip_blanks(struct parser *parser)
{
	parser->rest += strspn(parser->rest, " \t");
}

static int add_step(struct parser *parser, struct formula_step step)
{
	struct formula *formula = parser->formula;

	if (formula->nr_steps == FORMULA_MAX_STEPS)
		return fail(parser->ret_error, -EINVAL,
			    "has more than %d numbers, events and operators", FORMULA_MAX_STEPS);
	if (step.op > FORMULA_EVENT)
		parser->depth--;
	else if (++parser->depth > FORMULA_MAX_DEPTH)
		return fail(parser->ret_error, -EINVAL, "is nested too deeply");
	formula->steps[formula->nr_steps++] = step;
	return 0;
}

/* Digits, with a fraction or an exponent. The length in text, or 0. */
static size_t number_length(const char *text)
{
	size_t length = strspn(text, DIGITS), more;

	if (text[length] == '.') {
		more = strspn(text + length + 1, DIGITS);
		if (!more)
			return 0;
		length += 1 + more;
	}
	if (text[length] == 'e' || text[length] == 'E') {
		size_t sign = strchr("+-", text[length + 1]) && text[length + 1];

		more = strspn(text + length + 1 + sign, DIGITS);
		if (!more)
			return 0;
		length += 1 + sign + more;
	}
	return strchr(NAME_CHARS, text[length]) && text[length] ? 0 : length;
}

static int parse_number(struct parser *parser)
{
	size_t length = number_length(parser->rest);
	char number[MAX_NUMBER_LENGTH + 1];
	double value;

	if (!length || length > MAX_NUMBER_LENGTH)
		return fail(parser->ret_error, -EINVAL,
			    "has no number such as 64, 0.5 or 1e9 at: %.40s", parser->rest);
	memcpy(number, parser->rest, length);
	number[length] = '\0';
	value = strtod(number, NULL);
	if (!(value <= MAX_NUMBER))
		return fail(parser->ret_error, -EINVAL, "has a number above 1e30: %s", number);
	parser->rest += length;
	return add_step(parser, (struct formula_step){.op = FORMULA_NUMBER, .number = value});
}

static int parse_event(struct parser *parser)
{
	size_t length = strspn(parser->rest, NAME_CHARS), i = 0;

	while (i < parser->nr_events &&
	       (strncmp(parser->events[i], parser->rest, length) || parser->events[i][length]))
		i++;
	if (i == parser->nr_events)
		return fail(parser->ret_error, -EINVAL,
			    "names %.*s, which is not in events (a difference has blanks: a - b)",
			    (int)(length > FORMULA_MAX_NAME ? FORMULA_MAX_NAME : length),
			    parser->rest);
	parser->rest += length;
	return add_step(parser, (struct formula_step){.op = FORMULA_EVENT, .event = i});
}

static int parse_sum(struct parser *parser);

static int parse_operand(struct parser *parser)
{
	int r;

	skip_blanks(parser);
	if (*parser->rest && strchr(DIGITS, *parser->rest))
		return parse_number(parser);
	if (*parser->rest && strchr(NAME_START, *parser->rest))
		return parse_event(parser);
	if (*parser->rest != '(')
		return fail(parser->ret_error, -EINVAL, "has no event, number or ( %s%.40s",
			    *parser->rest ? "at: " : "at its end", parser->rest);
	if (parser->parentheses == FORMULA_MAX_DEPTH)
		return fail(parser->ret_error, -EINVAL, "is nested too deeply");
	parser->parentheses++;
	parser->rest++;
	r = parse_sum(parser);
	if (r < 0)
		return r;
	if (*parser->rest != ')')
		return fail(parser->ret_error, -EINVAL, "has no operator or ) %s%.40s",
			    *parser->rest ? "at: " : "at its end", parser->rest);
	parser->parentheses--;
	parser->rest++;
	return 0;
}

/* Runs steps from first on. False: no value. */
static bool run(const struct formula *formula, size_t first, const double *rates, double *ret_value)
{
	double stack[FORMULA_MAX_DEPTH] = {};
	size_t depth = 0;

	for (size_t i = first; i < formula->nr_steps; i++) {
		const struct formula_step *step = &formula->steps[i];
		double right = step->op > FORMULA_EVENT ? stack[--depth] : 0;
		/* What the step changes or adds. */
		double *left = &stack[step->op > FORMULA_EVENT ? depth - 1 : depth++];

		switch (step->op) {
		case FORMULA_NUMBER:
			*left = step->number;
			break;
		case FORMULA_EVENT:
			*left = rates[step->event];
			break;
		case FORMULA_ADD:
			*left += right;
			break;
		case FORMULA_SUBTRACT:
			*left -= right;
			break;
		case FORMULA_MULTIPLY:
			*left *= right;
			break;
		case FORMULA_DIVIDE:
			if (right == 0)
				return false;
			*left /= right;
			break;
		}
		if (!isfinite(*left))
			return false;
	}
	*ret_value = stack[0];
	return true;
}

/* Is there an event in the steps from first on? */
static bool has_event(const struct formula *formula, size_t first)
{
	while (first < formula->nr_steps && formula->steps[first].op != FORMULA_EVENT)
		first++;
	return first < formula->nr_steps;
}

/* Checks what is divided by: the steps from first on. */
static int check_divisor(struct parser *parser, size_t first)
{
	double value = 0;

	if (has_event(parser->formula, first))
		return 0;
	return run(parser->formula, first, NULL, &value) && value != 0
		       ? 0
		       : fail(parser->ret_error, -EINVAL, "divides by 0");
}

static int parse_product(struct parser *parser)
{
	int r = parse_operand(parser);

	for (skip_blanks(parser); !r && (*parser->rest == '*' || *parser->rest == '/');
	     skip_blanks(parser)) {
		enum formula_op op = *parser->rest == '*' ? FORMULA_MULTIPLY : FORMULA_DIVIDE;
		size_t first = parser->formula->nr_steps;

		parser->rest++;
		r = parse_operand(parser);
		if (!r && op == FORMULA_DIVIDE)
			r = check_divisor(parser, first);
		if (!r)
			r = add_step(parser, (struct formula_step){.op = op});
	}
	return r;
}

static int parse_sum(struct parser *parser)
{
	int r = parse_product(parser);

	while (!r && (*parser->rest == '+' || *parser->rest == '-')) {
		enum formula_op op = *parser->rest == '+' ? FORMULA_ADD : FORMULA_SUBTRACT;

		parser->rest++;
		r = parse_product(parser);
		if (!r)
			r = add_step(parser, (struct formula_step){.op = op});
	}
	return r;
}

static int parse(struct parser *parser)
{
	int r = parse_sum(parser);

	if (r < 0)
		return r;
	if (*parser->rest)
		return fail(parser->ret_error, -EINVAL, "has no operator at: %.40s", parser->rest);
	if (!has_event(parser->formula, 0))
		return fail(parser->ret_error, -EINVAL, "names no event");
	return 0;
}

int formula_parse(const char *text, char *const *events, size_t nr_events,
		  struct formula **ret_formula, char **ret_error)
{
	struct parser parser = {
		.rest = text,
		.events = events,
		.nr_events = nr_events,
		.formula = calloc(1, sizeof(*parser.formula)),
		.ret_error = ret_error,
	};
	int r;

	*ret_error = NULL;
	if (!parser.formula)
		return -ENOMEM;
	if (strlen(text) > FORMULA_MAX_TEXT)
		r = fail(ret_error, -EINVAL, "is longer than %d bytes", FORMULA_MAX_TEXT);
	else
		r = parse(&parser);
	if (r < 0)
		formula_free(parser.formula);
	else
		*ret_formula = parser.formula;
	return r;
}

void formula_free(struct formula *formula)
{
	free(formula);
}

bool formula_uses(const struct formula *formula, size_t event)
{
	for (size_t i = 0; i < formula->nr_steps; i++)
		if (formula->steps[i].op == FORMULA_EVENT && formula->steps[i].event == event)
			return true;
	return false;
}

bool formula_value(const struct formula *formula, const double *rates, double *ret_value)
{
	return run(formula, 0, rates, ret_value);
}
