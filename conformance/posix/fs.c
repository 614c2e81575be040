/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-FS: FileFsPosixInformation, what statvfs tells. POSIX-FSCC 2.3.1
 */
#include "posix/posix.h"

#define UNKNOWN UINT64_MAX

static struct file *some_file(struct peer *a)
{
	return need_posix(a, "x", 0640, NULL);
}

CONF_TEST(posix, size, "the information has 56 bytes", RULES(PSX_FS_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct reply *r = posix_query_fs(some_file(posix_client(t)));

	stop_ok(t, r, PSX_FS_0001);
	check_number(t, r, query_data(r).n, 56, "bytes", PSX_FS_0001);
}

CONF_TEST(posix, of_a_directory, "any POSIX open will do", RULES(PSX_FS_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct reply *r =
		posix_query_fs(need_posix_open(a, "/", FILE_READ_ATTRIBUTES));

	stop_ok(t, r, PSX_FS_0001);
	check_number(t, r, query_data(r).n, 56, "bytes", PSX_FS_0001);
}

CONF_TEST(posix, ordinary_open, "an ordinary open does not know the class",
	RULES(PSX_FS_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = posix_query_fs(f);

	check_status(t, r, STATUS_INVALID_INFO_CLASS, PSX_FS_0002);
}

static const struct {
	const char *name;
	uint32_t size;
} room_rows[] = {{"nothing", 0}, {"8_bytes", 8}, {"55_bytes", 55}};

CONF_TABLE(posix, too_small, room_rows, "less than 56 bytes are no room",
	RULES(PSX_FS_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct file *f = some_file(posix_client(t));
	struct reply *r = file_query(
		f, SMB2_0_INFO_FILESYSTEM, FileFsPosixInformation, row->size);

	check_status(t, r, STATUS_INFO_LENGTH_MISMATCH, PSX_FS_0003);
}

CONF_TEST(posix, exact_room, "56 bytes are enough room", RULES(PSX_FS_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct file *f = some_file(posix_client(t));
	struct reply *r = file_query(
		f, SMB2_0_INFO_FILESYSTEM, FileFsPosixInformation, 56);

	check_ok(t, r, PSX_FS_0001);
}

CONF_TEST(posix, size_of_the_file_system,
	"TotalBlocks times BlockSize is the size that other classes tell",
	RULES(PSX_FS_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct file *f = some_file(posix_client(t));
	struct reply *r = file_query(
		f, SMB2_0_INFO_FILESYSTEM, FileFsFullSizeInformation, 32);
	struct file_fs_full_size_information full;

	need_ok(t, r);
	need(t, file_fs_full_size_information_decode(query_data(r), &full) == 0,
		"FileFsFullSizeInformation");
	struct file_fs_posix_information i = posix_fs_info(f);
	check_number(t, r, i.total_blocks * i.block_size,
		full.total_allocation_units * full.sectors_per_allocation_unit *
			full.bytes_per_sector,
		"bytes of the file system", PSX_FS_0004);
}

CONF_TEST(posix, numbers_fit_together, "there is not more free than there is",
	RULES(PSX_FS_0005, PSX_FS_0006, PSX_FS_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct file *f = some_file(posix_client(t));
	struct file_fs_posix_information i = posix_fs_info(f);

	check(t, NULL, i.block_size != 0, PSX_FS_0005, "a BlockSize");
	check(t, NULL, i.optimal_transfer_size != 0, PSX_FS_0005,
		"an OptimalTransferSize");
	check(t, NULL, i.blocks_available <= i.total_blocks, PSX_FS_0006,
		"BlocksAvailable not above TotalBlocks");
	check(t, NULL,
		i.user_blocks_available <= i.blocks_available ||
			i.user_blocks_available == UNKNOWN,
		PSX_FS_0006, "UserBlocksAvailable not above BlocksAvailable");
	check(t, NULL,
		i.free_file_nodes <= i.total_file_nodes ||
			i.free_file_nodes == UNKNOWN,
		PSX_FS_0007, "FreeFileNodes not above TotalFileNodes");
}

CONF_TEST(posix, identifier, "FsIdentifier is always the same, and not 0",
	RULES(PSX_FS_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct file *f = some_file(posix_client(t));
	struct peer *b = posix_client(t);
	uint64_t first = posix_fs_info(f).fs_identifier;
	uint64_t second =
		posix_fs_info(need_posix_open(b, "/", FILE_READ_ATTRIBUTES))
			.fs_identifier;

	check(t, NULL, first != 0, PSX_FS_0008, "an identifier");
	check_number(t, NULL, second, first,
		"FsIdentifier asked for on another connection", PSX_FS_0008);
}

CONF_TEST(posix, set, "the information cannot be set", RULES(PSX_FS_0009),
	NEEDS(POSIX_EXTENSIONS))
{
	struct file *f = some_file(posix_client(t));
	struct reply *r = posix_query_fs(f);

	need_ok(t, r);
	struct wire_view data = query_data(r);
	struct reply *s = file_set(f, SMB2_0_INFO_FILESYSTEM,
		FileFsPosixInformation, bytes_of(t, data.p, data.n));
	check_status(t, s, STATUS_INVALID_INFO_CLASS, PSX_FS_0009);
}

CONF_TEST(posix, reparse_points,
	"where links can be made the file system says so", RULES(PSX_FS_0010),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_symlink(a, "l", "target");
	struct reply *r = file_query(some_file(a), SMB2_0_INFO_FILESYSTEM,
		FileFsAttributeInformation, 512);
	need_ok(t, r);
	need(t, query_data(r).n >= 4, "FileSystemAttributes");
	uint32_t flags = wire_get32(query_data(r).p);
	check_number(t, r, flags & FILE_SUPPORTS_REPARSE_POINTS,
		FILE_SUPPORTS_REPARSE_POINTS, "FILE_SUPPORTS_REPARSE_POINTS",
		PSX_FS_0010);
}
