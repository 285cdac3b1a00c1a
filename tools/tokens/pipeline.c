/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nn/error.h"
#include "tools/tokens/lane.h"

/* Lanes that wait, first come first served. */
typedef struct {
    ravel_token_lane *first, **end;
    pthread_cond_t filled;
} queue;

typedef struct {
    ravel_pipeline *pipeline;
    pthread_t thread;
    ravel_scratch *scratch; /* encoders' only */
    ravel_encoder_job *jobs;
    ravel_token_lane **lanes;
} worker;

struct ravel_pipeline {
    ravel_pipeline_options options;
    pthread_mutex_t lock;  /* of everything below but the inputs */
    pthread_mutex_t entry; /* of the inputs, and of announcing to the outputs */
    pthread_cond_t ended;  /* a thread has */
    queue to_read, to_encode;
    ravel_token_lane *lanes;
    int n_lanes, n_active; /* lanes that may still get an item */
    worker *workers;       /* readers, then encoders */
    int n_workers, n_running;
    ravel_pipeline_state state;
    int64_t n_samples;
};

/* --- Queues ----------------------------------------------------------------------------------- */

static bool over(const ravel_pipeline *p)
{
    return p->state.stopped || p->n_active == 0;
}

static void put(queue *q, ravel_token_lane *lane)
{
    lane->next = NULL;
    *q->end = lane;
    q->end = &lane->next;
    pthread_cond_signal(&q->filled);
}

static ravel_token_lane *take(queue *q)
{
    ravel_token_lane *lane = q->first;
    if (lane != NULL) {
        q->first = lane->next;
        if (q->first == NULL)
            q->end = &q->first;
    }
    return lane;
}

/* Up to n lanes, at least one unless the pipeline is over. */
static int wait_for(ravel_pipeline *p, queue *q, ravel_token_lane **lanes, int n)
{
    int got = 0;
    pthread_mutex_lock(&p->lock);
    while (q->first == NULL && !over(p))
        pthread_cond_wait(&q->filled, &p->lock);
    while (!over(p) && got < n && (lanes[got] = take(q)) != NULL)
        got++;
    pthread_mutex_unlock(&p->lock);
    return got;
}

static void hand_over(ravel_pipeline *p, queue *q, ravel_token_lane *lane)
{
    pthread_mutex_lock(&p->lock);
    put(q, lane);
    pthread_mutex_unlock(&p->lock);
}

/* --- Items ------------------------------------------------------------------------------------ */

/* "'PATH': REASON", where the reason does not name it already. */
static void tell(ravel_pipeline *p, const ravel_item *item, const ravel_error *error)
{
    const char *path = item->path != NULL ? item->path : "";
    char line[1024];
    if (strstr(error->text, path) != NULL)
        (void)snprintf(line, sizeof line, "%s", error->text);
    else
        (void)snprintf(line, sizeof line, "'%s': %s", path, error->text);
    p->options.listen(p->options.listen_context, line);
}

/* A stopped read fails with an interrupted system call: that is no fault of the item. */
static void fail(ravel_pipeline *p, const ravel_item *item, const ravel_error *error)
{
    if (p->options.stopped())
        return;
    ravel_outputs_fail(p->options.outputs, item, error);
    pthread_mutex_lock(&p->lock);
    p->state.n_failed++;
    tell(p, item, error);
    pthread_mutex_unlock(&p->lock);
}

static void count(ravel_pipeline *p, int64_t *counter)
{
    pthread_mutex_lock(&p->lock);
    (*counter)++;
    pthread_mutex_unlock(&p->lock);
}

/* The next item that is to be encoded. return    false at the end */
static bool next_item(ravel_pipeline *p, ravel_item *item)
{
    for (;;) {
        ravel_error error = {0};
        pthread_mutex_lock(&p->entry);
        const bool there = ravel_inputs_next(p->options.inputs, item);
        const int begun = there ? ravel_outputs_begin(p->options.outputs, item, &error) : 0;
        pthread_mutex_unlock(&p->entry);
        if (!there)
            return false;
        if (begun > 0 && item->refused.status == 0)
            return true;
        if (begun == 0)
            count(p, &p->state.n_skipped);
        else
            fail(p, item, begun < 0 ? &error : &item->refused);
        ravel_item_clear(item);
    }
}

static void tell_bad_values(ravel_pipeline *p, const ravel_token_lane *lane)
{
    const int64_t n_bad = ravel_source_bad_values(lane->source);
    char line[1024];
    if (n_bad == 0)
        return;
    (void)snprintf(line, sizeof line, "'%s': %lld samples were not finite numbers and became 0",
                   lane->item.path, (long long)n_bad);
    pthread_mutex_lock(&p->lock);
    p->options.listen(p->options.listen_context, line);
    pthread_mutex_unlock(&p->lock);
}

/* All codes are there, or an error is. */
static void settle(ravel_pipeline *p, ravel_token_lane *lane)
{
    if (lane->error.status == 0)
        (void)ravel_outputs_put(p->options.outputs, &lane->item, &lane->spool, lane->n_samples,
                                &lane->error);
    if (lane->error.status < 0)
        fail(p, &lane->item, &lane->error);
    else {
        tell_bad_values(p, lane);
        count(p, &p->state.n_done);
    }
    ravel_token_lane_reset(lane);
}

/* --- Threads ---------------------------------------------------------------------------------- */

static void retire(ravel_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    if (--p->n_active == 0) {
        pthread_cond_broadcast(&p->to_read.filled);
        pthread_cond_broadcast(&p->to_encode.filled);
    }
    pthread_mutex_unlock(&p->lock);
}

/* Settles what is done, takes the next item, reads samples. return    false: no item is left */
static bool advance(ravel_pipeline *p, ravel_token_lane *lane)
{
    for (;;) {
        if (lane->state == RAVEL_LANE_WRITE)
            settle(p, lane);
        if (lane->state == RAVEL_LANE_IDLE) {
            if (!next_item(p, &lane->item))
                return false;
            lane->state = RAVEL_LANE_FILL;
            if (ravel_token_lane_open(lane) < 0)
                lane->state = RAVEL_LANE_WRITE;
        }
        if (lane->state == RAVEL_LANE_FILL) {
            lane->state = ravel_token_lane_fill(lane) < 0 ? RAVEL_LANE_WRITE : RAVEL_LANE_ENCODE;
            if (lane->state == RAVEL_LANE_ENCODE)
                return true;
        }
    }
}

static void end_thread(ravel_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->n_running--;
    p->state.finished = p->n_running == 0;
    pthread_cond_broadcast(&p->ended);
    pthread_mutex_unlock(&p->lock);
}

static void *read_sounds(void *context)
{
    ravel_pipeline *p = ((worker *)context)->pipeline;
    ravel_token_lane *lane;
    while (wait_for(p, &p->to_read, &lane, 1) > 0) {
        if (advance(p, lane))
            hand_over(p, &p->to_encode, lane);
        else
            retire(p);
    }
    end_thread(p);
    return NULL;
}

static void *encode_sounds(void *context)
{
    worker *self = context;
    ravel_pipeline *p = self->pipeline;
    int n;
    while ((n = wait_for(p, &p->to_encode, self->lanes, p->options.n_batch)) > 0) {
        ravel_token_lanes_encode(self->lanes, n, self->scratch, self->jobs);
        pthread_mutex_lock(&p->lock);
        for (int i = 0; i < n; i++) {
            ravel_token_lane *lane = self->lanes[i];
            const bool done = lane->at_end || lane->error.status < 0;
            lane->state = done ? RAVEL_LANE_WRITE : RAVEL_LANE_FILL;
            p->n_samples += lane->n_pcm;
            put(&p->to_read, lane);
        }
        pthread_mutex_unlock(&p->lock);
    }
    end_thread(p);
    return NULL;
}

/* --- The pipeline ----------------------------------------------------------------------------- */

static int make_lanes(ravel_pipeline *p)
{
    /* Of each job: a batch that is encoded, one that waits, one lane that is read. */
    const int n = p->options.n_jobs * (2 * p->options.n_batch + 1);
    p->lanes = calloc((size_t)n, sizeof *p->lanes);
    for (int i = 0; p->lanes != NULL && i < n; i++) {
        p->n_lanes = i + 1;
        if (ravel_token_lane_init(&p->lanes[i], p->options.model, p->options.n_codebooks) < 0)
            return RAVEL_ERR_MEMORY;
        put(&p->to_read, &p->lanes[i]);
    }
    p->n_active = p->n_lanes;
    return p->lanes != NULL ? 0 : RAVEL_ERR_MEMORY;
}

static int make_encoder(worker *made, const ravel_pipeline_options *options)
{
    const size_t n = (size_t)options->n_batch;
    made->scratch = ravel_scratch_new(options->model, options->n_batch);
    made->jobs = calloc(n, sizeof *made->jobs);
    made->lanes = calloc(n, sizeof(ravel_token_lane *));
    return made->scratch != NULL && made->jobs != NULL && made->lanes != NULL ? 0
                                                                              : RAVEL_ERR_MEMORY;
}

/* The lock is held until all threads are there: none can end the count before. */
static int start_threads(ravel_pipeline *p)
{
    const int n_jobs = p->options.n_jobs;
    int status = 0;
    p->workers = calloc(2 * (size_t)n_jobs, sizeof *p->workers);
    if (p->workers == NULL)
        return RAVEL_ERR_MEMORY;
    pthread_mutex_lock(&p->lock);
    for (int i = 0; status == 0 && i < 2 * n_jobs; i++) {
        worker *made = &p->workers[i];
        made->pipeline = p;
        status = i >= n_jobs ? make_encoder(made, &p->options) : 0;
        if (status == 0 && pthread_create(&made->thread, NULL,
                                          i < n_jobs ? read_sounds : encode_sounds, made) != 0)
            status = RAVEL_ERR_MEMORY;
        p->n_workers = status == 0 ? i + 1 : i;
    }
    p->n_running = p->n_workers;
    p->state.stopped = status < 0;
    p->state.finished = p->n_running == 0;
    pthread_mutex_unlock(&p->lock);
    return status;
}

static void init_locks(ravel_pipeline *p)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->entry, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    p->to_read.end = &p->to_read.first;
    p->to_encode.end = &p->to_encode.first;
    pthread_cond_init(&p->to_read.filled, NULL);
    pthread_cond_init(&p->to_encode.filled, NULL);
}

ravel_pipeline *ravel_pipeline_start(const ravel_pipeline_options *options, ravel_error *error)
{
    ravel_pipeline *p = calloc(1, sizeof *p);
    if (p == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    p->options = *options;
    init_locks(p);
    if (make_lanes(p) == 0 && start_threads(p) == 0)
        return p;
    ravel_error_set(error, RAVEL_ERR_MEMORY, "no memory or no threads for %d jobs",
                    options->n_jobs);
    ravel_pipeline_free(p);
    return NULL;
}

ravel_pipeline_state ravel_pipeline_wait(ravel_pipeline *p, int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)wait_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&p->lock);
    while (!p->state.finished && pthread_cond_timedwait(&p->ended, &p->lock, &until) != ETIMEDOUT)
        ;
    p->state.seconds =
        (double)p->n_samples / ravel_model_get_info(p->options.model)->sample_rate_hz;
    const ravel_pipeline_state state = p->state;
    pthread_mutex_unlock(&p->lock);
    return state;
}

/* A signal to each thread ends system calls that wait. */
void ravel_pipeline_stop(ravel_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->state.stopped = true;
    pthread_cond_broadcast(&p->to_read.filled);
    pthread_cond_broadcast(&p->to_encode.filled);
    const bool finished = p->state.finished;
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; !finished && i < p->n_workers; i++)
        pthread_kill(p->workers[i].thread, SIGUSR1);
}

void ravel_pipeline_free(ravel_pipeline *p)
{
    for (int i = 0; i < p->n_workers; i++)
        pthread_join(p->workers[i].thread, NULL);
    for (int i = 0; p->workers != NULL && i < 2 * p->options.n_jobs; i++) {
        ravel_scratch_free(p->workers[i].scratch);
        free(p->workers[i].jobs);
        free(p->workers[i].lanes);
    }
    free(p->workers);
    for (int i = 0; i < p->n_lanes; i++)
        ravel_token_lane_free(&p->lanes[i]);
    free(p->lanes);
    pthread_cond_destroy(&p->to_read.filled);
    pthread_cond_destroy(&p->to_encode.filled);
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->entry);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
