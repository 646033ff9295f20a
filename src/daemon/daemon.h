/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon whole: where events, decisions, plan and kernel meet. Each .c beside has one part of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <uv.h>

#include "config/config.h"
#include "core/damping.h"
#include "core/dead_target.h"
#include "core/flood.h"
#include "core/health.h"
#include "core/ids.h"
#include "core/loads.h"
#include "core/meter.h"
#include "core/pace.h"
#include "core/plan.h"
#include "core/quota.h"
#include "core/question.h"
#include "core/sparing.h"
#include "core/sticky.h"
#include "core/suspect.h"
#include "daemon/diagnosing.h"
#include "daemon/events.h"
#include "daemon/sets.h"
#include "daemon/shape.h"
#include "daemon/names.h"
#include "daemon/trial.h"
#include "daemon/verdict.h"
#include "kernel/devices.h"
#include "kernel/netlink.h"
#include "kernel/ruleset.h"
#include "service/checker.h"
#include "service/control.h"
#include "service/mailer.h"
#include "service/spool.h"
#include "service/state.h"

struct daemon;
struct alert;
struct defence;
struct watch;
struct learner;
struct connection_log;
struct job;
struct records;
struct telling;
struct scanning;
struct attacks;
struct announcement;
struct alert_templates;
struct stories;
struct troubles;
struct recovery;

#define TESTS_MAX   4
#define SERVERS_MAX 16

/* Name servers of this machine, and the state of the file that they were read from. */
struct servers {
	struct network items[SERVERS_MAX];
	size_t count;
	struct timespec changed;
	ino_t inode;
};

/* A test mail whose sender waits for what becomes of it. */
struct mail_test {
	struct control_pending *pending; /* NULL: free */
	char message_id[128];
};

/* A configuration in force, with the numbers that its names have in marks. Snapshots refer to it. */
struct generation {
	struct config *config;
	struct ids ids; /* in the configuration's arena */
};

/* The gateway that the main table had last, by which device and when. */
struct gateway_seen {
	struct address address;
	uint32_t device_index; /* 0: it had none yet */
	uint64_t at_ms;
};

/* An address that a link has no more, or a network that is inside no more: link is 0 then. */
#define GONE_MAX 32
struct gone {
	struct network network;
	uint8_t link;
	uint64_t since_ms;
};

/* One link as it runs; the order is that of the configuration. */
struct link_run {
	struct daemon *daemon;
	const struct link *link;
	uint8_t id;
	struct health health;
	enum link_duty duty;          /* by the operator's order */
	time_t drain_until;           /* DUTY_DRAINS: disabled then; 0: never */
	struct checker *checker;      /* NULL without targets, or while the ground is not ready */
	struct link_view view;        /* addresses live in daemon.devices */
	struct gateway_seen seen[FAMILIES]; /* of `gateway: auto' */
	uint64_t paused_since_ms;     /* it has no address for a moment; 0: it has */
	struct flood flood;
	struct suspicion suspicion;
	struct damping damping;
	struct target_seen targets[CHECK_TARGETS_MAX];
	struct traffic_seen traffic;
	const struct target *dead_target; /* the last round lacked only who is heard on no link; NULL: else */
	bool vouched;                 /* it stays up for what else is known of it */
	bool last_resort;             /* down by its checks, but there is nothing else to use */
	uint32_t pace_ms;             /* between rounds of checks, where that is not the interval; else 0 */
	uint64_t probe_bytes;         /* that its checks have cost since the daemon's start */
	enum finding finding;         /* what is wrong while it is down; FINDING_NONE: not known yet */
	struct link_diagnosis diagnosis;
	time_t since;                 /* of the state, for people */
	struct meter meter;
	struct pace pace;
	struct quota quota;
	enum quota_stage quota_told;
	uint64_t glanced[2];          /* bytes of the device, received and sent, when its carrier was last looked at */
	uint64_t followed_bps[DIRECTIONS]; /* learnt capacity that weights and shaping go by; 0: none */
};

struct daemon {
	uv_loop_t *loop;
	const char *config_path;
	char *mail_program, *hook_program;
	struct hook *hook; /* NULL: no command was ever configured */
	char host[256];
	time_t started;
	struct generation *generation;
	struct link_run *links;           /* config.link_count */
	struct zone_view *zones;          /* config.zone_count */
	struct address own_source[FAMILIES]; /* as the view has it */
	struct sets *sets;
	uint16_t minute;                  /* of the local week, by which policies hold */
	struct state state;               /* what was read at the start; outages are kept up to date */
	struct sticky *sticky;
	struct loads *loads;
	struct paths *paths;
	struct learner *learning;        /* of the paths */
	uint64_t followed_ms;             /* when what is learnt last came into force */
	struct devices *devices;
	struct verdicts *verdicts;
	struct plan *plan;                /* in force */
	uint32_t snapshot_generation;
	struct retired_names names;
	struct netlink *nftables, *routing, *conntrack;
	struct ruleset_features features;
	struct ruleset_memory *ruleset_memory;
	uint32_t ruleset_generation;      /* of nf_tables when our table was last seen whole */
	struct device_events *device_events;
	struct events *events;
	struct control *control;
	struct mailer *mailer;
	struct mail_test mail_tests[TESTS_MAX];
	struct servers servers;
	struct defence *defence;
	struct watch *watch;              /* NULL where the kernel tells nothing */
	char boot[sizeof(((struct quota_source *)NULL)->boot)]; /* another for each boot */
	uint64_t quota_kept_ms;
	struct connection_log *connection_log;
	struct records *records;
	struct telling *telling;          /* by syslog; NULL until it is started */
	struct scanning *scanning;        /* NULL while no scan is looked for */
	struct stories *stories;
	struct alert_templates *templates;
	struct troubles *troubles;
	struct recovery *recovery;        /* of better links; NULL before the start */
	struct attacks *attacks;          /* what the next mail tells; NULL until there was one */
	char no_mail[512];                /* why there is no mailer, though one is configured; "" else */
	uv_poll_t device_poll;
	uv_async_t suspicion_wake;
	uv_timer_t watch_timer, second_timer, flush_timer, trial_timer, recovery_timer;
	struct job *jobs;                 /* what is to be written to disk; the first is with a worker */
	struct trial trial;
	uv_signal_t hangup, terminate, interrupt;
	bool forget_answers;              /* refusals of the snapshot before may have been kept since it was replaced */
	uint64_t flush_again;             /* bit of a link id: delete its connections once more */
	unsigned int flushes_left;
	struct gone gone[GONE_MAX];      /* the oldest first */
	size_t gone_count;
	uint64_t fallbacks;              /* connections that the kernel decided alone */
	struct shaping shaping;
	uint64_t log_lost, watched_at_ms, ticked_at_ms, paced_at_ms;
	bool foreground, ending;
	bool marked;                      /* the state folder has a mark that we run */
};

/*
 * daemon.c: brings everything up, runs until told to end, takes everything down. Takes config over, which is what the
 * file has. Exit code.
 */
int daemon_run(const char *config_path, struct config *config, bool foreground);

/* Exit codes that users are promised. */
enum {
	EXIT_FINE = 0,
	EXIT_ERROR = 1,
};

/* rounds.c: what wakes the main thread, and what is done then. */
int rounds_start(struct daemon *daemon);
void rounds_stop(struct daemon *daemon);

/* world.c: reads devices into the links' and zones' views. 0, or -errno and the old views stay. */
int world_read(struct daemon *daemon);
struct view world_view(struct daemon *daemon, struct link_view *links);
int world_start(struct daemon *daemon, const struct config *config); /* room for zones, sets, time; 0 or -ENOMEM */
void world_follow(struct daemon *daemon); /* each second: sets and times that changed come into force */
enum link_ground world_ground(const struct link_run *run);

/* renumber.c: connections whose address goes. */
void renumber_note(struct daemon *daemon, const struct devices *now); /* daemon.devices are those of before */
void renumber_watch(struct daemon *daemon);

/* lend.c: an IPv6 address of the prefix that a provider delegated, where the device has none; into the view. */
void lend_address(struct daemon *daemon, struct link_run *run, const struct device *device);

/* ground.c: addresses and gateways that go for a moment. */
void ground_gateway(struct link_run *run, const struct device *device, enum family family); /* of `gateway: auto', into the view */
bool ground_pauses(struct link_run *run, enum link_ground ground); /* its state waits for the address to come back */
void ground_report(json_t *document, const struct link_run *run); /* addresses, gateways and MTU, as keys */
bool ground_waited(const struct daemon *daemon); /* for one long enough: look again */

/* servers.c: reads the name servers of this machine, where the file has changed. */
void servers_read(struct daemon *daemon);

/* Finds the address that this machine's own connections begin with, in devices and default routes as they were read. */
void own_source_read(struct daemon *daemon);

/* Id of the link that a connection of this machine is bound to, as far as its addresses tell; 0: none. */
unsigned int own_source_bound(const struct daemon *daemon, const struct flow *flow);

/* links.c: links come and go. */
int links_start(struct daemon *daemon);
void links_free(struct link_run *links, size_t count);
void links_ground(struct daemon *daemon);          /* after world_read(): tells every link its ground */
bool links_any_usable(const struct daemon *daemon);
const char *links_usable_names(const struct daemon *daemon, char *text, size_t size);
struct link_run *links_new(struct daemon *daemon, struct generation *generation, const struct link_run *before,
	size_t before_count);

void links_view(struct link_run *run);         /* what state and duty mean for new and running connections */
bool links_fails(const struct link_run *run);  /* its running connections have no future on it */
void links_changed(struct link_run *run, enum link_state before); /* its health did: plan, event and mail follow */

/* suspicion.c: links whose connections are not answered. */
void suspicion_wake(uv_async_t *async);           /* the watching thread accuses one */
void suspicion_second(struct daemon *daemon);
uint32_t suspicion_interval(const struct link_run *run); /* how long a round of checks may wait at most */
void suspicion_settle(struct link_run *run);      /* before the plan follows a change of the link's health */

/* evidence.c: what else is known of a link than its checks say. */
void evidence_round(struct link_run *run, struct round *round, uint64_t now_ms); /* before its health is told */
void evidence_pace(struct link_run *run);        /* how often it needs to be checked now */
void evidence_settle(struct daemon *daemon);     /* before the plan follows: whether there is nothing else to use */
void evidence_second(struct daemon *daemon);
struct check evidence_check(const struct link_run *run); /* as it is done now */

/* flapping.c: links that go down again and again. */
void flapping_change(struct link_run *run, enum link_state before); /* before the plan follows */
void flapping_second(struct daemon *daemon);

/* duty.c: links are taken out of service and back by order. */
void duty_begin(const struct daemon *daemon, struct link_run *run); /* as it was ordered before the start */
void duty_second(struct daemon *daemon);
void report_use(void *data, const struct control_request *request, struct control_answer *answer);
void report_drain(void *data, const struct control_request *request, struct control_answer *answer);
void report_disable(void *data, const struct control_request *request, struct control_answer *answer);
void report_enable(void *data, const struct control_request *request, struct control_answer *answer);
const char *duty_state_text(const struct link_run *run); /* "up" to "disabled" */
const char *duty_reason_text(const struct link_run *run);
const char *duty_mail_text(const struct link_run *run); /* what the table of links in a mail says of it */

/* apply.c: makes kernel and threads what links and configuration ask for. */
struct snapshot *apply_snapshot(struct daemon *daemon, struct generation *generation, const struct snapshot *previous);
int apply_all(struct daemon *daemon, void *retire); /* retire: the generation that this one replaces, or NULL */
void apply_reconcile(struct daemon *daemon);
void apply_forget_answers(struct daemon *daemon); /* a moment after a snapshot was replaced */
void apply_dead_link(struct daemon *daemon, struct link_run *run); /* connections of a link that just died */
void apply_flush_again(struct daemon *daemon);
int apply_remove(const char *config_path);

/* tick.c: what balancers learn as time goes by. */
void tick_watch(struct daemon *daemon);
json_t *tick_bytes(const struct daemon *daemon, size_t policy); /* by link; NULL where they are not counted */

/* advice.c: tells of kernel settings that would break what the configuration asks for. */
void advice_give(struct daemon *daemon);

/* reload.c */
struct generation *generation_new(struct daemon *daemon, struct config *config); /* takes config over; NULL: no memory */
struct generation *generation_load(struct daemon *daemon, const char *path, struct config_errors *errors);
struct generation *generation_parse(struct daemon *daemon, const char *text); /* NULL: no memory, or not what we printed */
void generation_free(void *generation);
/* False, with the message set, where only a restart can bring it into force. */
bool generation_fits(const struct daemon *daemon, const struct generation *generation, char *message, size_t size);
/* Brings it into force, and takes it over in any case. 0; -EBUSY where it does not fit, or -errno, with the message set. */
int generation_enter(struct daemon *daemon, struct generation *generation, char *message, size_t size);
/* 0; -EINVAL with errors told; -EBUSY where only a restart can do it, message says what; or -errno. */
int reload(struct daemon *daemon, struct config_errors *errors, char *message, size_t size);

/* tell.c: what is told of links, and the open outages. */
void tell_link(struct daemon *daemon, struct link_run *run, enum link_state before);
void tell_test(struct daemon *daemon, const struct control_request *request, struct control_answer *answer);
void tell_open_outages(struct daemon *daemon); /* links that came back while no daemon was there */
int tell_start(struct daemon *daemon);
void tell_second(struct daemon *daemon); /* what is told because time has passed */
struct outage *tell_outage(const struct daemon *daemon, const char *link); /* the open one, or NULL */

/* tell_mail.c: announcements by mail. */
#define MESSAGE_ID_ROOM 128
void tell_announcement(struct daemon *daemon, const struct announcement *announcement);
const char *tell_message_id(const struct daemon *daemon, char text[MESSAGE_ID_ROOM]); /* a new one; returns text */
/* Completes it (id, table of links) and sends it to who wants one of kinds, 0: to everybody. 0 or -ENOMEM. */
int tell_mail(struct daemon *daemon, struct alert *alert, alert_kinds kinds);
const char *tell_spool(const struct daemon *daemon, char *path, size_t size);

/* tell_daemon.c: troubles of the daemon itself. Each is told at once, and what follows within ten minutes gathered. */
enum trouble {
	TROUBLE_ENDED,  /* the daemon before this one ended without order */
	TROUBLE_RELOAD, /* a configuration was refused */
	TROUBLE_KERNEL, /* another program broke what is ours: repaired */
	TROUBLE_QUEUE,  /* connections were not answered in time */
	TROUBLES,
};
void tell_trouble(struct daemon *daemon, enum trouble trouble, const char *format, ...) __attribute__((format(printf, 3, 4)));
void tell_troubles(struct daemon *daemon);
int tell_new(struct daemon *daemon); /* memory for what is told; 0 or -ENOMEM */
void tell_free(struct daemon *daemon);
void tell_began(struct daemon *daemon); /* marks the state folder, and tells of one that was never unmarked */
void tell_ends(struct daemon *daemon);  /* keeps what was told, too; no worker writes any more */
void tell_fallbacks(struct daemon *daemon, uint64_t count); /* each second: so many were decided by the kernel alone */

/* tell_summary.c: each second; a mail when its day or week is over. */
void summary_second(struct daemon *daemon);

/* tell_command.c: announcements by the operator's own command. */
int tell_command_start(struct daemon *daemon);
void tell_command(struct daemon *daemon, const struct announcement *announcement);

/* keep.c: writes state and mail to disk in worker threads. */
void keep_state(struct daemon *daemon);
void keep_sticky(struct daemon *daemon);
#define KEEP_PATHS_NAME "paths"
void keep_paths(struct daemon *daemon, bool wait);
void keep_mail(struct daemon *daemon, const char *message_id, char *message, enum spool_rank rank);
void keep_stories(struct daemon *daemon, bool wait);
void keep_learnt(struct daemon *daemon); /* capacities of links */
void keep_quota(struct daemon *daemon);
void keep_load(struct daemon *daemon);

/* report.c and report_*.c: answers of the control socket. */
extern const struct control_verb report_verbs[];
json_t *report_links(struct daemon *daemon);
void report_blocked(void *data, const struct control_request *request, struct control_answer *answer);
void report_unblock(void *data, const struct control_request *request, struct control_answer *answer);
void report_paths(void *data, const struct control_request *request, struct control_answer *answer);
void report_sticky(void *data, const struct control_request *request, struct control_answer *answer);
void report_sticky_forget(void *data, const struct control_request *request, struct control_answer *answer);
void report_flows(void *data, const struct control_request *request, struct control_answer *answer);
void report_logged(struct daemon *daemon); /* writes the decisions that policies want logged */
const char *report_policy_name(const struct generation *generation, unsigned int id);
const char *report_link_name(const struct generation *generation, unsigned int id);
const char *report_class_name(const struct generation *generation, unsigned int id);
const char *report_protocol_name(uint8_t protocol, char *text, size_t size);
struct question report_question(const struct control_request *request);
void report_refusal(struct control_answer *answer, const struct question_problem *problem); /* 400, with the hint */
void report_why(void *data, const struct control_request *request, struct control_answer *answer);
void report_diff(void *data, const struct control_request *request, struct control_answer *answer);
void report_config(void *data, const struct control_request *request, struct control_answer *answer);
void report_explain(void *data, const struct control_request *request, struct control_answer *answer);
void report_try(void *data, const struct control_request *request, struct control_answer *answer);
void report_confirm(void *data, const struct control_request *request, struct control_answer *answer);
void report_rollback(void *data, const struct control_request *request, struct control_answer *answer);
json_t *report_trial(const struct daemon *daemon); /* null where none is pending */
void report_load_errors(struct daemon *daemon, const struct config_errors *errors, struct control_answer *answer);
json_t *report_errors(const struct config_errors *errors);
json_int_t report_connections(struct daemon *daemon, const char *link); /* that live and go by it now */
void report_problem(struct control_answer *answer, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
