/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads beside the main one. */
#pragma once

#include <pthread.h>

/* Starts a thread that gets no signals: those are the main thread's. 0 or -errno. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *data), void *data);
