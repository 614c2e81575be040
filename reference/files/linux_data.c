/* SPDX-License-Identifier: MIT */
/* Bytes of the Linux driver: read, write, holes, copies. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "files/linux_share.h"

#define LX_COPY 65536

static int lx_fd(const struct files_node *node)
{
	return node->data >= 0 ? node->data : node->fd;
}

static int lx_read(struct files_op *op)
{
	size_t done = 0;

	while (done < op->size) {
		ssize_t n = pread(lx_fd(op->node), op->data + done,
			op->size - done, (off_t)(op->offset + done));

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		done += (size_t)n;
	}
	op->transferred = done;
	return 0;
}

static int lx_pwrite(
	int fd, const uint8_t *p, size_t n, uint64_t offset, size_t *ret_done)
{
	size_t done = 0;

	while (done < n) {
		ssize_t m =
			pwrite(fd, p + done, n - done, (off_t)(offset + done));

		if (m < 0 && errno == EINTR) {
			continue;
		}
		if (m < 0) {
			*ret_done = done;
			return -errno;
		}
		done += (size_t)m;
	}
	*ret_done = done;
	return 0;
}

/* In one step with finding the end, whoever else writes there. */
static int lx_append(struct files_op *op)
{
	while (op->transferred < op->size) {
		struct iovec rest = {
			op->data + op->transferred, op->size - op->transferred};
		ssize_t n = pwritev2(lx_fd(op->node), &rest, 1, 0, RWF_APPEND);

		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		op->transferred += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Overwrites with zeroes where holes are not to be had. */
static int lx_zero_by_hand(int fd, uint64_t offset, uint64_t size)
{
	static const uint8_t zeroes[LX_COPY];
	size_t n, done;
	int r;

	while (size > 0) {
		n = size < sizeof zeroes ? size : sizeof zeroes;
		r = lx_pwrite(fd, zeroes, n, offset, &done);
		if (r < 0) {
			return r;
		}
		offset += n;
		size -= n;
	}
	return 0;
}

static int lx_zero(struct files_op *op)
{
	int fd = lx_fd(op->node);
	uint64_t size = op->size;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	/* Nothing behind the end of the file. */
	if (op->offset >= (uint64_t)st.st_size || size == 0) {
		return 0;
	}
	if (size > (uint64_t)st.st_size - op->offset) {
		size = (uint64_t)st.st_size - op->offset;
	}
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)op->offset, (off_t)size) == 0) {
		return 0;
	}
	if (errno != EOPNOTSUPP && errno != ENOSYS) {
		return -errno;
	}
	return lx_zero_by_hand(fd, op->offset, size);
}

static int lx_allocate(struct files_op *op)
{
	int fd = lx_fd(op->node);
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (op->offset <= (uint64_t)st.st_blocks * 512) {
		return 0;
	}
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)op->offset) == 0 ||
		errno == EOPNOTSUPP || errno == ENOSYS) {
		return 0;
	}
	return -errno;
}

static int lx_ranges(struct files_op *op)
{
	int fd = lx_fd(op->node);
	uint64_t end = op->offset + op->size;
	off_t at = (off_t)op->offset;

	op->range_count = 0;
	while (op->range_count < op->range_cap && (uint64_t)at < end) {
		off_t from = lseek(fd, at, SEEK_DATA), to;

		if (from < 0 || (uint64_t)from >= end) {
			/* ENXIO: only a hole follows. */
			return from < 0 && errno != ENXIO ? -errno : 0;
		}
		to = lseek(fd, from, SEEK_HOLE);
		if (to < 0) {
			return -errno;
		}
		to = (uint64_t)to < end ? to : (off_t)end;
		op->ranges[op->range_count++] = (struct files_range){
			(uint64_t)from, (uint64_t)(to - from)};
		at = to;
	}
	return 0;
}

static int lx_clone(struct files_op *op)
{
	struct file_clone_range range = {
		.src_fd = lx_fd(op->from),
		.src_offset = op->from_offset,
		.src_length = op->size,
		.dest_offset = op->offset,
	};

	if (ioctl(lx_fd(op->node), FICLONERANGE, &range) < 0) {
		return errno == ENOTTY || errno == EXDEV ? -EOPNOTSUPP : -errno;
	}
	op->transferred = op->size;
	return 0;
}

static int lx_copy_by_hand(struct files_op *op)
{
	uint8_t *buffer = malloc(LX_COPY);
	int r = 0;

	if (!buffer) {
		return -ENOMEM;
	}
	while (op->transferred < op->size && r == 0) {
		size_t want = op->size - op->transferred, done;
		ssize_t n = pread(lx_fd(op->from), buffer,
			want < LX_COPY ? want : LX_COPY,
			(off_t)(op->from_offset + op->transferred));

		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		r = lx_pwrite(lx_fd(op->node), buffer, (size_t)n,
			op->offset + op->transferred, &done);
		op->transferred += done;
	}
	free(buffer);
	return r;
}

static int lx_copy(struct files_op *op)
{
	op->transferred = 0;
	if (op->clone) {
		return lx_clone(op);
	}
	while (op->transferred < op->size) {
		off_t from = (off_t)(op->from_offset + op->transferred);
		off_t to = (off_t)(op->offset + op->transferred);
		ssize_t n = copy_file_range(lx_fd(op->from), &from,
			lx_fd(op->node), &to, op->size - op->transferred, 0);

		if (n == 0) {
			return 0;
		}
		if (n < 0 &&
			(errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
				errno == EOPNOTSUPP || errno == EBADF)) {
			return lx_copy_by_hand(op);
		}
		if (n < 0) {
			return -errno;
		}
		op->transferred += (size_t)n;
	}
	return 0;
}

static int lx_run_data(struct files_op *op)
{
	op->transferred = 0;
	if (op->verb == FILES_WRITE && op->append) {
		op->offset = 0;
	}
	if (op->offset > INT64_MAX || op->size > INT64_MAX - op->offset) {
		return op->verb == FILES_READ ? -EINVAL : -EFBIG;
	}
	switch (op->verb) {
	case FILES_READ:
		return lx_read(op);
	case FILES_WRITE:
		if (op->append) {
			return lx_append(op);
		}
		return lx_pwrite(lx_fd(op->node), op->data, op->size,
			op->offset, &op->transferred);
	case FILES_FLUSH:
		return fsync(lx_fd(op->node)) < 0 && errno != EBADF ? -errno
								    : 0;
	case FILES_TRUNCATE:
		return ftruncate(lx_fd(op->node), (off_t)op->offset) < 0
			       ? -errno
			       : 0;
	case FILES_ALLOCATE:
		return lx_allocate(op);
	case FILES_ZERO:
		return lx_zero(op);
	case FILES_RANGES:
		return lx_ranges(op);
	case FILES_COPY:
		return lx_copy(op);
	default:
		return -EOPNOTSUPP;
	}
}

/* The time that the file had comes back. One at a time: nobody takes another's
 * change for the time before his own. */
static int lx_run_held(struct lx_share *share, struct files_op *op)
{
	struct files_stat before;
	int r;

	pthread_mutex_lock(&share->holding);
	r = lx_stat_node(op->node, &before);
	if (r == 0) {
		int back;

		r = lx_run_data(op);
		back = lx_set_write_time(op->node, before.write_time);
		r = r < 0 ? r : back;
	}
	pthread_mutex_unlock(&share->holding);
	return r;
}

int lx_data(struct lx_share *share, struct files_op *op)
{
	bool reads = op->verb == FILES_READ || op->verb == FILES_RANGES ||
		     op->verb == FILES_FLUSH;

	return op->node->holds_write_time && !reads ? lx_run_held(share, op)
						    : lx_run_data(op);
}
