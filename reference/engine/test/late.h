/* SPDX-License-Identifier: MIT */
/*
 * Files in memory that keep one operation until they are told to go on. A
 * CLOSE that comes meanwhile ends after it, as drivers must have it.
 */
#ifndef SMB3X_ENGINE_TEST_LATE_H
#define SMB3X_ENGINE_TEST_LATE_H

#include "engine/test/rig.h"

/* Between the engine, which has not started yet, and the share "data"; until
 * rig_finish(). */
void late_init(struct rig *rig);
/* Every file has this inode from now on. */
void late_set_inode(uint64_t inode);
/* The next operation of that kind is kept. */
void late_keep(enum files_verb verb);
bool late_keeps(void);
/* It is done now; or it has failed with that. */
void late_go(struct rig *rig);
void late_fail(struct rig *rig, int error);

#endif
