/* SPDX-License-Identifier: MIT */
/* Shares and tree connects. [MS-SMB2] 3.3.1.6, 3.3.1.9, 3.3.4.13-15 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core.h"
#include "engine/durable.h"
#include "ports/text.h"

struct tree *tree_create(struct session *session, struct share *share)
{
	struct tree *tree;

	if (session->trees.count >= LIMIT_TREES) {
		return NULL;
	}
	tree = calloc(1, sizeof(*tree));
	if (!tree) {
		return NULL;
	}
	do { /* 0 is no tree here, and -1 is reserved */
		tree->id = ++session->next_tree_id;
	} while (tree->id == 0 || tree->id == UINT32_MAX ||
		 tree_find(session, tree->id));
	if (table_add(&session->trees_by_id, &tree->by_id, tree->id) < 0) {
		free(tree);
		return NULL;
	}
	tree->session = session;
	session_hold(session);
	tree->share = share;
	share_hold(share);
	tree->holders = 1; /* the table's */
	list_add(&session->trees, &tree->in_session);
	return tree;
}

struct tree *tree_find(struct session *session, uint32_t id)
{
	struct table_link *link = table_find(&session->trees_by_id, id);

	return link ? table_entry(link, struct tree, by_id) : NULL;
}

void tree_hold(struct tree *tree)
{
	tree->holders++;
}

void tree_release(struct tree *tree)
{
	if (!tree || --tree->holders) {
		return;
	}
	share_release(tree->share);
	session_release(tree->session);
	free(tree);
}

void tree_end(struct tree *tree, void (*done)(void *ctx), void *ctx)
{
	if (tree->disconnected) {
		if (done) {
			done(ctx);
		}
		return;
	}
	tree->disconnected = true;
	table_remove(&tree->session->trees_by_id, &tree->by_id);
	list_remove(&tree->in_session);
	if (!tree->session->ended) {
		durable_park(tree->session, tree);
	}
	if (RULE(CORE_TREE_0011) && !tree->session->keep_opens) {
		opens_close(tree->session, tree, done, ctx);
	} else if (done) {
		done(ctx);
	}
	session_cancel_requests(
		tree->session, tree, STATUS_NETWORK_NAME_DELETED);
	tree_release(tree);
}

struct share *share_find(struct engine *engine, const char *name)
{
	list_each(share, &engine->shares, struct share, in_engine)
	{
		if (RULE(CORE_TREE_0003)
				? text_equal_nocase(share->config.name, name)
				: !strcmp(share->config.name, name)) {
			return share;
		}
	}
	return NULL;
}

void share_hold(struct share *share)
{
	share->holders++;
}

void share_release(struct share *share)
{
	if (--share->holders == 0) {
		free(share);
	}
}

static struct tree *first_tree_of(
	struct engine *engine, const struct share *share)
{
	list_each(session, &engine->session_list, struct session, in_engine)
	{
		list_each(tree, &session->trees, struct tree, in_session)
		{
			if (tree->share == share) {
				return tree;
			}
		}
	}
	return NULL;
}

static void retire(struct engine *engine, struct share *share)
{
	struct tree *tree;

	share->removed = true;
	list_remove(&share->in_engine);
	while ((tree = first_tree_of(engine, share))) {
		tree_end(tree, NULL, NULL);
	}
	durables_close(engine, share);
	share_release(share);
}

static const struct engine_share *wanted(
	const struct engine_config *config, const char *name)
{
	for (unsigned int i = 0; i < config->share_count; i++) {
		if (text_equal_nocase(config->shares[i].name, name)) {
			return &config->shares[i];
		}
	}
	return NULL;
}

static int add(struct engine *engine, const struct engine_share *config)
{
	struct share *share = calloc(1, sizeof(*share));

	if (!share) {
		return -ENOMEM;
	}
	share->holders = 1; /* the list's */
	share->config = *config;
	list_add(&engine->shares, &share->in_engine);
	return 0;
}

static int add_pipe_share(struct engine *engine)
{
	const struct engine_share config = {.name = "IPC$", .guest_ok = true};

	return share_find(engine, config.name) ? 0 : add(engine, &config);
}

int shares_load(struct engine *engine, const struct engine_config *config)
{
	list_each_safe(share, &engine->shares, struct share, in_engine)
	{
		const struct engine_share *now =
			wanted(config, share->config.name);

		if (now && now->files == share->config.files) {
			share->config = *now;
		} else if (!share->pipe) {
			retire(engine, share);
		}
	}
	for (unsigned int i = 0; i < config->share_count; i++) {
		if (!share_find(engine, config->shares[i].name) &&
			add(engine, &config->shares[i]) < 0) {
			return -ENOMEM;
		}
	}
	if (add_pipe_share(engine) < 0) {
		return -ENOMEM;
	}
	list_each(share, &engine->shares, struct share, in_engine)
	{
		share->pipe = !share->config.files;
		share->encrypt =
			!share->pipe &&
			(config->encrypt == POLICY_REQUIRED ||
				share->config.encrypt == POLICY_REQUIRED);
	}
	return 0;
}
