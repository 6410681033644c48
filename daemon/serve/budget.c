// SPDX-License-Identifier: GPL-2.0
#include "budget.h"

bool budget_left(struct budget *budget, uint64_t now_ns)
{
	uint64_t saved = (now_ns - budget->updated_ns) / BUDGET_PART;

	if (!budget->updated_ns || saved >= (uint64_t)(BUDGET_MAX_NS - budget->left_ns))
		budget->left_ns = BUDGET_MAX_NS;
	else
		budget->left_ns += saved;
	budget->updated_ns = now_ns;
	return budget->left_ns > 0;
}

void budget_charge(struct budget *budget, uint64_t cpu_ns)
{
	budget->left_ns -= cpu_ns;
}
