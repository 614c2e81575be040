/* SPDX-License-Identifier: MIT */
/*
 * A few threads that run what may block (ports/work.h); an eventfd tells the
 * loop that something has ended.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/internal.h"

struct queue {
	struct work *first, **last;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wanted;
	struct queue todo, ended;
	bool stopping;
	int fd;
	unsigned int posted; /* done() not yet called; of the loop's thread */
	unsigned int count;
	pthread_t threads[64];
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_put(struct queue *queue, struct work *work)
{
	work->next = NULL;
	*queue->last = work;
	queue->last = &work->next;
}

static struct work *queue_take(struct queue *queue)
{
	struct work *work = queue->first;

	if (work != NULL) {
		queue->first = work->next;
		if (queue->first == NULL) {
			queue->last = &queue->first;
		}
	}
	return work;
}

static void tell(struct pool *pool)
{
	const uint64_t one = 1;
	ssize_t n;

	do {
		n = write(pool->fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
}

static void *pool_thread(void *arg)
{
	struct pool *pool = arg;
	struct work *work;
	bool first;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		work = queue_take(&pool->todo);
		if (work == NULL && pool->stopping) {
			break;
		}
		if (work == NULL) {
			pthread_cond_wait(&pool->wanted, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		work->run(work);
		pthread_mutex_lock(&pool->lock);
		first = pool->ended.first == NULL;
		queue_put(&pool->ended, work);
		if (first) {
			tell(pool);
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Signals are the loop's: threads are born with all of them blocked. */
static int start_threads(struct pool *pool, unsigned int threads)
{
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->count < threads && r == 0) {
		r = -pthread_create(
			&pool->threads[pool->count], NULL, pool_thread, pool);
		pool->count += r == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int pool_create(unsigned int threads, struct pool **ret_pool)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	int r;

	if (pool == NULL) {
		return -ENOMEM;
	}
	queue_init(&pool->todo);
	queue_init(&pool->ended);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	pool->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = pool->fd < 0 ? -errno : start_threads(pool, threads);
	if (r < 0) {
		pool_destroy(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

void pool_destroy(struct pool *pool)
{
	if (pool == NULL) {
		return;
	}
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->count; i++) {
		pthread_join(pool->threads[i], NULL);
	}
	pool_reap(pool);
	if (pool->fd >= 0) {
		close(pool->fd);
	}
	pthread_cond_destroy(&pool->wanted);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void pool_post(void *ctx, struct work *work)
{
	struct pool *pool = ctx;

	pool->posted++;
	pthread_mutex_lock(&pool->lock);
	queue_put(&pool->todo, work);
	pthread_cond_signal(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
}

bool pool_busy(const struct pool *pool)
{
	return pool->posted > 0;
}

int pool_fd(const struct pool *pool)
{
	return pool->fd;
}

void pool_reap(struct pool *pool)
{
	struct work *work, *next;

	pthread_mutex_lock(&pool->lock);
	work = pool->ended.first;
	queue_init(&pool->ended);
	pthread_mutex_unlock(&pool->lock);
	for (; work != NULL; work = next) {
		next = work->next;
		pool->posted--;
		work->done(work);
	}
}
