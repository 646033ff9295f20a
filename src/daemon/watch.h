/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that watches connections: their handshakes, how many live on each link, and their ends. */
#pragma once

struct daemon;
struct watch;
struct accuser;

/* Starts it; where the kernel tells nothing that is told, and the daemon goes on without. */
void watch_start(struct daemon *daemon);

/* Before the verdict threads end. Accepts that it was never started. */
void watch_stop(struct daemon *daemon);

/* Its side of suspicion. NULL where watch is. */
struct accuser *watch_accuser(struct watch *watch);

/* Each second, in the main thread: tells what was lost. */
void watch_second(struct daemon *daemon);
