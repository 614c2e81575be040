/* SPDX-License-Identifier: MIT */
/*
 * smb3x-check: judges an SMB server over the wire.
 */
#include "runner/check.h"

int main(int argc, char **argv)
{
	static const struct check_server none;

	return check_main(argc, argv, &none);
}
