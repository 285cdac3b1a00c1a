/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs steps that are to allocate nothing, take no lock and make no system call.
 *
 * malloc and its family, pthread_mutex_lock and write are replaced by functions that count, in the
 * whole program, and the steps run in a child process that the kernel kills at every system call.
 */
#ifndef RAVEL_TESTS_WATCHED_H
#define RAVEL_TESTS_WATCHED_H

/*
 * steps     return nonzero where one fails
 * return    0 where nothing was seen; else what was is printed
 */
int ravel_test_watched(const char *name, int (*steps)(void *), void *context);

#endif
