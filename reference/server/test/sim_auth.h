/* SPDX-License-Identifier: MIT */
/* Logons of tests: one token, and the caller says whose it is. */
#ifndef SMB3X_SERVER_TEST_SIM_AUTH_H
#define SMB3X_SERVER_TEST_SIM_AUTH_H

#include "ports/auth.h"

/* What a token gets; ret_result is given as a refusal. */
typedef void sim_judge(struct wire_view token, struct auth_result *ret_result);

/* A port whose logons are judged in one step. */
struct sim_auth {
	struct auth_port port;
	sim_judge *judge;
};
void sim_auth_init(struct sim_auth *auth, sim_judge *judge);

#endif
