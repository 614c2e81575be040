/* SPDX-License-Identifier: MIT */
/* Logons of tests; see sim_auth.h. */
#include <stdlib.h>

#include "server/test/sim_auth.h"
#include "wire/all.h"

struct auth_exchange {
	sim_judge *judge;
};

static struct wire_view auth_hint(void *ctx)
{
	(void)ctx;
	return wire_view_of("hint", 4);
}

static struct auth_exchange *auth_begin(void *ctx)
{
	struct auth_exchange *exchange = calloc(1, sizeof(*exchange));

	if (exchange != NULL) {
		exchange->judge = ((struct sim_auth *)ctx)->judge;
	}
	return exchange;
}

static int auth_step(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *ret_result)
{
	*ret_result = (struct auth_result){
		.outcome = AUTH_REFUSED, .status = STATUS_LOGON_FAILURE};
	exchange->judge(token, ret_result);
	return 0;
}

static void auth_end(struct auth_exchange *exchange)
{
	free(exchange);
}

void sim_auth_init(struct sim_auth *auth, sim_judge *judge)
{
	auth->port = (struct auth_port){
		auth, auth_hint, auth_begin, auth_step, auth_end};
	auth->judge = judge;
}
