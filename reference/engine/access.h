/* SPDX-License-Identifier: MIT */
/* Rights to files: access masks, share modes, security descriptors. */
#ifndef SMB3X_ENGINE_ACCESS_H
#define SMB3X_ENGINE_ACCESS_H

#include "engine/state.h"

/* What the generic bits stand for. [MS-SMB2] 2.2.13.1, [MS-DTYP] 2.4.3 */
#define ACCESS_FILE_READ 0x00120089u
#define ACCESS_FILE_WRITE 0x00120116u
#define ACCESS_FILE_EXECUTE 0x001200a0u
#define ACCESS_FILE_ALL 0x001f01ffu
#define ACCESS_UNKNOWN 0x0ce0fe00u

uint32_t access_map_generic(uint32_t mask);

/* What an open does and what it lets others do. [MS-FSA] 2.1.5.1.2.2 */
struct share_claim {
	uint32_t access, share;
};
bool sharemode_compatible(struct share_claim fresh, struct share_claim old);
/* Of an open that is there. */
struct share_claim sharemode_claim(const struct open *open);
/* STATUS_SUCCESS or STATUS_SHARING_VIOLATION: open (in the file's list or not
 * yet) with this claim against the file's other opens. */
uint32_t sharemode_check(const struct file *file, const struct open *open,
	struct share_claim mine);
/* The same against the opens of the file's other streams, which share only
 * deletion. [MS-FSA] 2.1.5.1.2.1 */
bool sharemode_streams_disagree(struct engine *engine, const struct file *file,
	struct share_claim mine);

/* A security identifier as on the wire. [MS-DTYP] 2.4.2.2 */
#define SID_MAX 68
struct sid_bytes {
	uint8_t b[SID_MAX];
	size_t n;
};
bool sid_is(struct wire_view a, const struct sid_bytes *b);
void sid_of_user(uint32_t uid, struct sid_bytes *ret_sid);
void sid_of_group(uint32_t gid, struct sid_bytes *ret_sid);

/* A security descriptor in parts; views into what it was parsed from. A part
 * that is absent is empty. [MS-DTYP] 2.4.6 */
struct sd {
	uint16_t control;
	struct wire_view owner, group, sacl, dacl;
};
#define SD_MAX 65536
/* Checks every SID, ACL and ACE; 0 or -EBADMSG. */
int sd_parse(struct wire_view bytes, struct sd *ret_sd);
/* Self-relative form; number of bytes or -ENOBUFS. */
int sd_build(const struct sd *sd, uint8_t *ret_bytes, size_t size);
/* The descriptor of a file that has none stored, from owner and mode. */
int sd_default(const struct files_stat *stat, uint8_t *ret_bytes, size_t size);
/* What a new child of a directory inherits; 0 bytes: nothing. */
int sd_inherit(const struct sd *parent, const struct auth_identity *who,
	bool directory, uint8_t *ret_bytes, size_t size);
/* Every right that who has. [MS-DTYP] 2.5.3.2 with MAXIMUM_ALLOWED */
uint32_t sd_maximal(const struct sd *sd, const struct auth_identity *who);

#endif
