/* SPDX-License-Identifier: MIT */
/* Share modes: who may open a file beside whom. [MS-FSA] 2.1.5.1.2.2 */
#include "engine/fileops.h"

#define SHARE_READERS (FILE_READ_DATA | FILE_EXECUTE)
#define SHARE_WRITERS (FILE_WRITE_DATA | FILE_APPEND_DATA)
#define SHARE_ANY (SHARE_READERS | SHARE_WRITERS | DELETE)

/* An open that only sees attributes disturbs nobody and is not disturbed. */
static bool sharemode_counts(struct share_claim fresh, struct share_claim old)
{
	if (RULE(CORE_SHAREMODE_0007) && !(fresh.access & SHARE_ANY)) {
		return false;
	}
	return !RULE(CORE_SHAREMODE_0008) || (old.access & SHARE_ANY);
}

bool sharemode_compatible(struct share_claim fresh, struct share_claim old)
{
	bool reads = fresh.access & SHARE_READERS;
	bool writes = fresh.access & SHARE_WRITERS;
	bool deletes = fresh.access & DELETE;
	bool old_reads = old.access & SHARE_READERS;
	bool old_writes = old.access & SHARE_WRITERS;
	bool old_deletes = old.access & DELETE;

	if (!sharemode_counts(fresh, old)) {
		return true;
	}
	/* Broken 0007 and 0008 let the mere presence count. */
	reads |= !(fresh.access & SHARE_ANY);
	old_reads |= !(old.access & SHARE_ANY);
	return !((RULE(CORE_SHAREMODE_0001) && reads &&
			 !(old.share & FILE_SHARE_READ)) ||
		 (RULE(CORE_SHAREMODE_0002) && writes &&
			 !(old.share & FILE_SHARE_WRITE)) ||
		 (RULE(CORE_SHAREMODE_0003) && deletes &&
			 !(old.share & FILE_SHARE_DELETE)) ||
		 (RULE(CORE_SHAREMODE_0004) && old_reads &&
			 !(fresh.share & FILE_SHARE_READ)) ||
		 (RULE(CORE_SHAREMODE_0005) && old_writes &&
			 !(fresh.share & FILE_SHARE_WRITE)) ||
		 (RULE(CORE_SHAREMODE_0006) && old_deletes &&
			 !(fresh.share & FILE_SHARE_DELETE)));
}

struct share_claim sharemode_claim(const struct open *open)
{
	return (struct share_claim){open->granted_access, open->share_access};
}

uint32_t sharemode_check(const struct file *file, const struct open *open,
	struct share_claim mine)
{
	list_each(other, &file->opens, struct open, in_file)
	{
		if (!RULE(CORE_SHAREMODE_0012) &&
			other->session == open->session) {
			continue;
		}
		if (other != open &&
			!sharemode_compatible(mine, sharemode_claim(other))) {
			return STATUS_SHARING_VIOLATION;
		}
	}
	return STATUS_SUCCESS;
}

/* Deleting the main stream deletes all of them. */
static bool sharemode_deletes(const struct file *file, struct share_claim claim)
{
	return !file->stream && (claim.access & DELETE);
}

static bool sharemode_holds(struct share_claim claim)
{
	return (claim.access & SHARE_ANY) && !(claim.share & FILE_SHARE_DELETE);
}

bool sharemode_streams_disagree(
	struct engine *engine, const struct file *file, struct share_claim mine)
{
	struct file *other = NULL;

	while ((other = file_sibling(engine, file, other))) {
		list_each(open, &other->opens, struct open, in_file)
		{
			struct share_claim theirs = sharemode_claim(open);

			if ((RULE(CORE_SHAREMODE_0010) &&
				    sharemode_deletes(file, mine) &&
				    sharemode_holds(theirs)) ||
				(RULE(CORE_SHAREMODE_0013) &&
					sharemode_deletes(other, theirs) &&
					sharemode_holds(mine))) {
				return true;
			}
		}
	}
	return false;
}
