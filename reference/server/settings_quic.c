/* SPDX-License-Identifier: MIT */
/* The settings of SMB over QUIC: certificates and who gets in by them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config.h"

static const struct config_word retries[] = {{"busy", QUIC_RETRY_BUSY},
	{"always", QUIC_RETRY_ALWAYS}, {"never", QUIC_RETRY_NEVER}, {NULL, 0}};
static const struct config_word kernels[] = {{"auto", CONFIG_KERNEL_AUTO},
	{"never", CONFIG_KERNEL_NEVER}, {"always", CONFIG_KERNEL_ALWAYS},
	{NULL, 0}};

int config_quic_certificate(
	struct config *config, const char *value, const char **ret_why)
{
	struct config_quic *quic = &config->quic;

	if (quic->certificate_count == QUIC_CERTIFICATES) {
		*ret_why = "too many certificates";
		return -E2BIG;
	}
	quic->certificates[quic->certificate_count] = NULL;
	quic->keys[quic->certificate_count] = NULL;
	return config_text(
		&quic->certificates[quic->certificate_count++], value);
}

/* Of the certificate named before it. */
int config_quic_key(
	struct config *config, const char *value, const char **ret_why)
{
	struct config_quic *quic = &config->quic;

	if (quic->certificate_count == 0) {
		*ret_why = "quic-certificate comes first";
		return -EINVAL;
	}
	return config_text(&quic->keys[quic->certificate_count - 1], value);
}

int config_quic_ca(
	struct config *config, const char *value, const char **ret_why)
{
	(void)ret_why;
	return config_text(&config->quic.ca, value);
}

int config_quic_client_certificate(
	struct config *config, const char *value, const char **ret_why)
{
	config->quic.skip_access = strcasecmp(value, "any") == 0;
	if (config->quic.skip_access) {
		config->quic.require_client = true;
		return 0;
	}
	if (strcasecmp(value, "off") == 0) {
		config->quic.require_client = false;
		return 0;
	}
	if (strcasecmp(value, "listed") == 0) {
		config->quic.require_client = true;
		return 0;
	}
	*ret_why = "off, any or listed is expected";
	return -EINVAL;
}

static int add_entry(
	struct config_access *access, const char *value, const char **ret_why)
{
	if (access->count == CONFIG_ACCESS_MAX) {
		*ret_why = "too many entries";
		return -E2BIG;
	}
	if (config_after(value, "sha256:") == NULL &&
		config_after(value, "issuer:") == NULL) {
		*ret_why = "sha256:HEX or issuer:NAME is expected";
		return -EINVAL;
	}
	access->entries[access->count] = NULL;
	return config_text(&access->entries[access->count++], value);
}

int config_quic_allow(
	struct config *config, const char *value, const char **ret_why)
{
	return add_entry(&config->quic.allow, value, ret_why);
}

int config_quic_deny(
	struct config *config, const char *value, const char **ret_why)
{
	return add_entry(&config->quic.deny, value, ret_why);
}

int config_quic_retry(
	struct config *config, const char *value, const char **ret_why)
{
	int n = config_word(retries, value);

	if (n < 0) {
		*ret_why = "busy, always or never is expected";
		return -EINVAL;
	}
	config->quic.retry = (enum quic_retry)n;
	return 0;
}

int config_quic_kernel(
	struct config *config, const char *value, const char **ret_why)
{
	int n = config_word(kernels, value);

	if (n < 0) {
		*ret_why = "auto, never or always is expected";
		return -EINVAL;
	}
	config->quic.kernel = (enum config_quic_kernel)n;
	return 0;
}

int config_quic_idle(
	struct config *config, const char *value, const char **ret_why)
{
	return config_seconds(&config->quic.idle_ns, value, 3600, ret_why);
}

int config_quic_handshake(
	struct config *config, const char *value, const char **ret_why)
{
	return config_seconds(&config->quic.handshake_ns, value, 600, ret_why);
}

int config_quic_offload(
	struct config *config, const char *value, const char **ret_why)
{
	bool offload = true;
	int r = config_bool(&offload, value, ret_why);

	config->quic.no_offload = !offload;
	return r;
}

static void finish_access(struct config_access *access)
{
	for (unsigned int i = 0; i < access->count; i++) {
		free(access->entries[i]);
	}
}

void config_quic_finish(struct config *config)
{
	for (unsigned int i = 0; i < config->quic.certificate_count; i++) {
		free(config->quic.certificates[i]);
		free(config->quic.keys[i]);
	}
	free(config->quic.ca);
	finish_access(&config->quic.allow);
	finish_access(&config->quic.deny);
}
