/* SPDX-License-Identifier: MIT */
/* What others cache and hold of the names that a rename takes: the file, what
 * is below a directory, the file that is replaced, the directory of the new
 * name. [MS-FSA] 2.1.4.2, 2.1.5.15.12 */
#include <string.h>

#include "engine/caching.h"
#include "engine/durable.h"
#include "engine/fileops.h"

static bool rename_is_below(
	const struct open *open, const char *path, bool posix)
{
	const struct file_link *link = open->link;
	size_t n = strlen(path);

	return link && !link->gone && (posix || !open->posix) &&
	       strncmp(link->path, path, n) == 0 && link->path[n] == '/';
}

static size_t rename_opens_below(const struct open *by)
{
	const struct file *directory = by->file;
	size_t count = 0;

	list_each(file, &by->session->engine->files, struct file, in_engine)
	{
		if (file->port != directory->port) {
			continue;
		}
		list_each(open, &file->opens, struct open, in_file)
		{
			count += rename_is_below(
				open, by->link->path, !by->posix);
		}
	}
	return count;
}

static struct open *rename_parked_below(const struct open *by)
{
	list_each(open, &by->session->engine->parked, struct open, in_session)
	{
		/* Resilient ones stay, and are in the way. */
		if (!open->closing && !open->durable.resilient &&
			!open->durable.lasting && open->file &&
			open->file->port == by->file->port &&
			rename_is_below(open, by->link->path, true)) {
			return open;
		}
	}
	return NULL;
}

/* Opens that nobody has taken up again cannot answer a break. */
static void rename_ends_parked(const struct open *by, const struct cause *cause)
{
	struct engine *engine = by->session->engine;
	struct open *open = rename_parked_below(by);

	for (size_t most = engine->parked.count; open && most; most--) {
		durable_give_way(engine, open->file, cause, NULL);
		open = rename_parked_below(by);
	}
}

struct file *caching_break_below(const struct open *by, size_t *count)
{
	struct cause cause = caching_cause(by, MODEL_LEASE_REASON_RENAME);
	size_t now;

	rename_ends_parked(by, &cause);
	now = rename_opens_below(by);
	if ((*count && now >= *count && RULE(DIRL_RENAME_0007)) ||
		!RULE(DIRL_RENAME_0005)) {
		return NULL;
	}
	*count = now;
	list_each(file, &by->session->engine->files, struct file, in_engine)
	{
		const struct open *first =
			list_first(&file->opens, struct open, in_file);

		if (file->port == by->file->port && first &&
			rename_is_below(first, by->link->path, true) &&
			caching_break(file, &cause)) {
			return file;
		}
	}
	return NULL;
}

bool caching_break_replaced(const struct open *by, struct file *target)
{
	struct cause cause = caching_cause(by, MODEL_LEASE_REASON_RENAME);

	if (!RULE(LEASE_BREAK_0036)) {
		return false;
	}
	return !durable_give_way(by->session->engine, target, &cause, NULL) &&
	       caching_break(target, &cause);
}

bool rename_kept_out(const struct open *by, const struct open *open)
{
	const struct share_claim mine = {
		FILE_WRITE_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE};

	return open != by && !(open->posix && by->posix) &&
	       !sharemode_compatible(mine, sharemode_claim(open));
}

bool caching_break_entered(const struct open *by, struct file *directory)
{
	bool wait = false;

	if (!RULE(DIRL_RENAME_0008)) {
		return false;
	}
	list_each(open, &directory->opens, struct open, in_file)
	{
		if (open->lease && rename_kept_out(by, open)) {
			wait |= lease_break(
				open->lease, MODEL_LEASE_REASON_SHARING, false);
		}
	}
	return wait;
}
