/* SPDX-License-Identifier: MIT */
/* Directory leases: what is done to entries breaks them. [MS-FSA] 2.1.4.12,
 * [MS-SMB2] 3.3.4.7 */
#include <string.h>

#include "engine/caching.h"
#include "engine/fileops.h"

/* Is path that of an entry of the directory? */
static bool dirlease_holds(const char *directory, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	return path[0] && strlen(directory) == n &&
	       memcmp(directory, path, n) == 0;
}

static const struct open *dirlease_open(
	const struct lease *lease, const struct files_port *port)
{
	const struct open *open =
		list_first(&lease->opens, struct open, in_lease);

	return lease->held && lease->file->directory &&
			       lease->file->port == port && open->link &&
			       !open->link->gone
		       ? open
		       : NULL;
}

static bool dirlease_exempt(const struct lease *lease,
	const struct parent_key *key, const struct open *by)
{
	if (by && !RULE(DIRL_BREAK_0011) &&
		guid_equal(&by->session->client_guid, &lease->client)) {
		return true;
	}
	if (by && !RULE(DIRL_BREAK_0010) &&
		!guid_equal(&by->session->client_guid, &lease->client)) {
		return false;
	}
	return key->set && guid_equal(&key->key, &lease->key);
}

static bool dirlease_broken(enum model_operation operation, bool exempt)
{
	const struct model_dirlease_break *row = model_dirlease_break(operation,
		exempt ? MODEL_PARENT_KEY_EQUAL : MODEL_PARENT_KEY_OTHER);

	return row->broken == model_rule(row->rule);
}

/* Whoever does it is answered first. */
static void dirlease_break(struct engine *engine, struct lease *lease)
{
	if (!RULE(DIRL_BREAK_0016)) {
		lease_break_directory(lease);
	} else if (!list_linked(&lease->in_due)) {
		list_add(&engine->due_leases, &lease->in_due);
	}
}

void dirleases_due(struct engine *engine)
{
	struct lease *lease;

	while ((lease = list_first(
			&engine->due_leases, struct lease, in_due))) {
		list_remove(&lease->in_due);
		lease_break_directory(lease);
	}
}

void dirlease_event(struct engine *engine, const struct files_port *port,
	const char *path, enum model_operation operation,
	const struct parent_key *key, const struct open *by)
{
	list_each(
		lease, &engine->directory_leases, struct lease, in_directories)
	{
		const struct open *open = dirlease_open(lease, port);

		if (open && dirlease_holds(open->link->path, path) &&
			dirlease_broken(
				operation, dirlease_exempt(lease, key, by))) {
			dirlease_break(engine, lease);
		}
	}
}

/* Who has marked the entry and who removes it both need the key. */
void dirlease_removed(struct engine *engine, const struct files_port *port,
	const struct file_link *link, const struct open *by)
{
	list_each(
		lease, &engine->directory_leases, struct lease, in_directories)
	{
		const struct open *open = dirlease_open(lease, port);
		bool marked, removed;

		if (!open || !dirlease_holds(open->link->path, link->path)) {
			continue;
		}
		marked = dirlease_exempt(lease, &link->marker_parent, by);
		removed = dirlease_exempt(lease, &by->parent, by);
		if (!RULE(DIRL_DELETE_0004)) {
			marked = removed = marked || removed;
		}
		if (dirlease_broken(MODEL_OPERATION_REMOVED,
			    marked && removed && RULE(DIRL_DELETE_0003))) {
			dirlease_break(engine, lease);
		}
	}
}

void dirlease_done(struct open *open, enum model_operation operation)
{
	struct engine *engine = open->session->engine;
	const struct file *file = open_file(open);

	if (list_empty(&engine->directory_leases) || !file || file->stream ||
		!open_name(open) || (open->closing && !RULE(DIRL_BREAK_0017))) {
		return;
	}
	dirlease_event(engine, open_port(open), open_name(open)->path,
		operation, &open->parent, open);
}
