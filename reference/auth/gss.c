/* SPDX-License-Identifier: MIT */
/* Credentials of the server, and the port made of them; see gss.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/exchange.h"
#include "auth/gss.h"

static gss_OID_desc krb5_mech = {
	9, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc ntlmssp_mech = {
	10, (void *)"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};

static int acquire(gss_OID mech, const char *name_text, const char *key,
	const char *value, gss_cred_id_t *ret_credential)
{
	gss_key_value_element_desc element = {key, value};
	gss_key_value_set_desc store = {1, &element};
	gss_OID_set_desc mechs = {1, mech};
	gss_buffer_desc text = {0};
	gss_name_t name = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;

	if (name_text != NULL) {
		text.length = strlen(name_text);
		text.value = (void *)name_text;
		major = gss_import_name(
			&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
		if (GSS_ERROR(major)) {
			return -ENOMEM;
		}
	}
	major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechs,
		GSS_C_ACCEPT, &store, ret_credential, NULL, NULL);
	gss_release_name(&ignored, &name);
	return GSS_ERROR(major) ? -ENOKEY : 0;
}

static struct wire_view port_hint(void *ctx)
{
	struct gss_port *port = ctx;

	return wire_view_of(port->hint, port->hint_size);
}

static int make_hint(struct gss_port *port)
{
	struct spnego_init init = {0};
	int n;

	if (port->setup->krb5 != GSS_C_NO_CREDENTIAL) {
		init.mechs[init.mech_count++] = spnego_ms_krb5;
		init.mechs[init.mech_count++] = spnego_krb5;
	}
	init.mechs[init.mech_count++] = spnego_ntlmssp;
	n = spnego_init_encode(&init, true, port->hint, sizeof(port->hint));
	if (n < 0) {
		return n;
	}
	port->hint_size = (size_t)n;
	return 0;
}

struct gss_setup *setup_hold(struct gss_setup *setup)
{
	setup->holders++;
	return setup;
}

void setup_release(struct gss_setup *setup)
{
	OM_uint32 minor;

	if (setup == NULL || --setup->holders > 0) {
		return;
	}
	gss_release_cred(&minor, &setup->ntlm);
	gss_release_cred(&minor, &setup->krb5);
	users_destroy(setup->users);
	free(setup);
}

static int setup_create(
	const struct gss_config *config, struct gss_setup **ret_setup)
{
	struct gss_setup *setup = calloc(1, sizeof(*setup));
	char host[HOST_NAME_MAX + 2] = "@";
	int r;

	if (setup == NULL) {
		return -ENOMEM;
	}
	/* Without a service in front no SPN goes into the challenge. */
	gethostname(host + 1, HOST_NAME_MAX);
	setup->holders = 1;
	setup->guest = config->guest;
	setup->anonymous = config->anonymous;
	r = users_create(config, &setup->users);
	if (r == 0 && acquire(&ntlmssp_mech, host, "ntlmssp_keyfile",
			      users_file(setup->users), &setup->ntlm) < 0) {
		r = -ENOTSUP;
	}
	if (r == 0 && config->keytab != NULL) {
		r = acquire(&krb5_mech, NULL, "keytab", config->keytab,
			&setup->krb5);
	}
	if (r < 0) {
		setup_release(setup);
		return r;
	}
	*ret_setup = setup;
	return 0;
}

/* Level 5 refuses LM and NTLMv1; without a name of its own gss-ntlmssp would
 * ask winbind for one. */
static void set_environment(void)
{
	setenv("LM_COMPAT_LEVEL", "5", 0);
	setenv("NETBIOS_COMPUTER_NAME", "SMB3X", 0);
	setenv("NETBIOS_DOMAIN_NAME", "WORKGROUP", 0);
}

int gss_auth_reload(struct auth_port *port, const struct gss_config *config)
{
	struct gss_port *gss = port->ctx;
	struct gss_setup *setup;
	int r = setup_create(config, &setup);

	if (r < 0) {
		return r;
	}
	setup_release(gss->setup);
	gss->setup = setup;
	return make_hint(gss);
}

int gss_auth_create(const struct gss_config *config, struct auth_port **ret)
{
	struct gss_port *port = calloc(1, sizeof(*port));
	int r;

	if (port == NULL) {
		return -ENOMEM;
	}
	set_environment();
	port->port.ctx = port;
	port->port.hint = port_hint;
	port->port.begin = exchange_begin;
	port->port.step = exchange_step;
	port->port.end = exchange_end;
	r = gss_auth_reload(&port->port, config);
	if (r < 0) {
		gss_auth_destroy(&port->port);
		return r;
	}
	*ret = &port->port;
	return 0;
}

void gss_auth_destroy(struct auth_port *port)
{
	struct gss_port *gss;

	if (port != NULL) {
		gss = port->ctx;
		setup_release(gss->setup);
		free(gss);
	}
}
