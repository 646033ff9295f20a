/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration as plain data: the vocabulary that reader, core, kernel side and printer share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/alerts.h"
#include "core/arena.h"
#include "core/config_quota.h"

/* Everything below lives in config.arena; texts end with a zero byte, an absent text is NULL. */

#define CONFIG_LINKS_MAX    60
#define CONFIG_ZONES_MAX    64
#define CONFIG_POLICIES_MAX 65534 /* with the widest policy field of marks; see mark_policy_max() */
#define CONFIG_SETS_MAX     1024
#define CONFIG_NAME_MAX     32

struct networks {
	struct network *items;
	size_t count;
};

/* Both ends belong to it and are of one family. */
struct address_range {
	struct address first, last;
};

struct address_ranges {
	struct address_range *items;
	size_t count;
};

/* So many in so long a time: 50/s is 50 per 1000 ms, 300/m is 300 per 60000 ms. */
struct rate {
	uint32_t count; /* 0: not given */
	uint32_t per_ms;
};

/* Networks with a name. What a match sees are these and the lines of the file, joined in the view. */
struct set {
	const char *name;
	struct networks networks;
	const char *file; /* NULL: none; one address, network or range in each line */
};

/* A set of inside devices, of inside networks, or of networks behind devices (both must match). */
struct zone {
	const char *name;
	struct names devices;
	struct networks networks;
};

enum gateway_kind {
	GATEWAY_AUTO,    /* what DHCP, RA or PPP put into the main table for this device */
	GATEWAY_NONE,    /* point to point */
	GATEWAY_ADDRESS, /* one per family; a family without one is not used on this link */
};

struct gateway {
	enum gateway_kind kind;
	bool given[FAMILIES];
	struct address address[FAMILIES];
};

/* What the source address becomes, in one family. */
enum nat_kind {
	NAT_AUTO, /* a policy: what the link says; a link, in IPv6: masquerade where it must be */
	NAT_NONE,
	NAT_MASQUERADE,
	NAT_SOURCE, /* an address of the pool */
	NAT_PREFIX, /* IPv6: the source's prefix becomes another, its other bits stay */
};

struct nat {
	enum nat_kind kind[FAMILIES];
	struct address_ranges pool;   /* of both families: sorted, apart from each other; IPv4 first */
	struct network prefix;        /* NAT_PREFIX */
	bool forwards[FAMILIES];      /* a policy only: the destination becomes another one, too */
	struct address destination[FAMILIES];
	uint16_t port[FAMILIES];      /* at the destination; 0: it stays */
};

enum target_kind {
	TARGET_PING,
	TARGET_TCP,
	TARGET_HTTP, /* also HTTPS, as the URL says */
	TARGET_DNS,
	TARGET_NEIGHBOUR, /* ARP or neighbour solicitation: the first metre, no more */
};

#define CHECK_TARGETS_MAX 16

struct target {
	enum target_kind kind;
	struct address address; /* not of TARGET_HTTP */
	uint16_t port;          /* TARGET_TCP */
	const char *url;        /* TARGET_HTTP */
	const char *at;         /* TARGET_HTTP: the address of the URL's host; NULL: it is looked up through the link */
	const char *text;       /* TARGET_HTTP: what the body must have in it; NULL: anything */
	unsigned int status;    /* TARGET_HTTP: what it must be; 0: 200 to 299 */
	bool verify;            /* TARGET_HTTP: the certificate must be good */
	const char *name;       /* TARGET_DNS */
	enum family record;     /* TARGET_DNS: an address of this family is asked for */
	bool gateway;           /* TARGET_NEIGHBOUR: the link's gateway, whatever its address is now */
};

/* Whether they ask the same. */
bool target_equal(const struct target *a, const struct target *b);

/* Without targets only carrier, address and gateway decide. */
struct check {
	struct target *targets;
	size_t count;
	unsigned int need;
	uint32_t interval_ms;
	uint32_t timeout_ms; /* 0: from the measured round trip, at most the interval */
	unsigned int down_after;
	unsigned int up_after;
	uint32_t degraded_latency_ms; /* 0: no such threshold, also below */
	uint32_t degraded_loss_permille;
	uint32_t degraded_jitter_ms;
	uint32_t hold_ms;       /* good for so long before it is up again */
	bool damping;           /* who goes down again and again is avoided for a while */
	struct sparing {        /* rounds come that often while nothing fails; 0: each interval */
		uint32_t busy_ms;   /* while traffic is answered */
		uint32_t idle_ms;   /* while there is none */
	} sparing;
	const char *public_url; /* a page that tells by which address it is asked: for diagnoses; NULL: none */
};

/* A bandwidth that is learnt from what goes through. */
struct learning {
	bool on;
	uint64_t least_bps, most_bps; /* 0: no such bound */
};

struct link {
	const char *name;
	const char *device;
	struct gateway gateway;
	uint32_t mtu;          /* largest packet in bytes; 0: as the device says */
	uint64_t download_bps; /* 0: not given */
	uint64_t upload_bps;
	struct learning learn[2]; /* download, upload: instead of a given one */
	unsigned int weight; /* never 0 once loaded: from the bandwidth where not given */
	bool weight_follows; /* it was not given, and there is a link that learns: see struct link_view */
	struct names labels;
	struct nat nat;
	struct networks resolvers; /* addresses of name servers that answer by this link alone */
	struct check check;
	struct quota_settings quota;
};

/* What an item of from, to, not-from or not-to names. Labels are resolved to their links. */
enum end_kind {
	END_ANY,
	END_INTERNET, /* comes from, or goes to, any link */
	END_ROUTER,   /* this machine */
	END_ZONE,     /* index into zones */
	END_LINK,     /* index into links */
	END_NETWORK,
	END_SET,      /* index into sets */
};

struct end {
	enum end_kind kind;
	uint16_t index;
	struct network network;
};

struct ends {
	struct end *items;
	size_t count;
};

struct port_range {
	uint16_t first, last;
};

struct port_ranges {
	struct port_range *items;
	size_t count;
};

struct protocols {
	uint8_t *items;
	size_t count;
};

/* A type of ICMP or ICMPv6, as the protocol of the match says. */
struct icmp_type {
	uint8_t type;
	bool any_code;
	uint8_t code;
};

struct icmp_types {
	struct icmp_type *items;
	size_t count;
};

struct dscps {
	uint8_t *items; /* 0 to 63 */
	size_t count;
};

#define MINUTES_OF_WEEK (7 * 24 * 60)

/* Minutes of the local week, first included, last excluded, from Monday 00:00; none runs over the week's end. */
struct time_span {
	uint16_t first, last;
};

struct time_spans {
	struct time_span *items; /* sorted, apart from each other */
	size_t count;
};

/* Minutes of the day; with last before first they go over midnight. The day's end is 1440. */
struct hours {
	uint16_t first, last;
};

/* When a policy holds, as the file says it: each of the hours on each of the days. */
struct timetable {
	uint8_t days;        /* bit 0 for Monday; 0: every day */
	struct hours *hours; /* none: the whole day */
	size_t count;
};

/* An empty list matches everything; of not_from and not_to it excludes nothing. */
struct match {
	struct ends from, to, not_from, not_to;
	struct protocols protocols;
	struct port_ranges from_ports, to_ports;
	struct icmp_types icmp_types;
	struct dscps dscps;
	struct timetable timetable;
	struct time_spans times; /* of the timetable */
};

enum action {
	ACTION_ALLOW,
	ACTION_DROP,
	ACTION_REJECT,
};

enum algorithm {
	ALGORITHM_ROUND_ROBIN,
	ALGORITHM_RANDOM,
	ALGORITHM_HASH,
	ALGORITHM_PRIORITY,
	ALGORITHM_LEAST_CONNECTIONS,
	ALGORITHM_LEAST_LOAD,
	ALGORITHM_SPILLOVER,
	ALGORITHM_FASTEST,
	ALGORITHM_LOWEST_LATENCY,
	ALGORITHM_BY_PACKET,
	ALGORITHMS, /* how many there are */
};

/* ALGORITHM_ROUND_ROBIN: what is in proportion to weights. */
enum share {
	SHARE_CONNECTIONS,
	SHARE_BYTES,
};

enum flow_key {
	KEY_NONE,
	KEY_SOURCE,
	KEY_DESTINATION,
	KEY_SOURCE_DESTINATION,
	KEY_SOURCE_DESTINATION_PORT, /* and the port at the destination */
};

enum if_none {
	IF_NONE_NEXT, /* the next policy that matches decides; the default */
	IF_NONE_DROP,
	IF_NONE_ANY,
};

enum on_failure {
	ON_FAILURE_RESET,
	ON_FAILURE_KEEP,
	ON_FAILURE_FLUSH,
};

/* Connections on another link when a better one is back; core/tiers.h says what is better. */
enum on_recovery {
	ON_RECOVERY_KEEP,
	ON_RECOVERY_MOVE_IDLE,
	ON_RECOVERY_CUT,
};

struct choice {
	uint16_t link; /* index into links */
	unsigned int weight;
	uint8_t tier; /* 0: the best; never less than that of the choice before */
};

struct balance {
	enum algorithm algorithm;
	struct choice *choices; /* in the order of the file, each link once; never empty once loaded */
	size_t count;
	uint64_t follows; /* a bit for each choice: its weight is the link's, which follows from what is learnt */
	enum flow_key hash_by; /* ALGORITHM_HASH: what is hashed, KEY_SOURCE unless told */
	enum share share;      /* ALGORITHM_ROUND_ROBIN */
	enum flow_key sticky_by;
	uint32_t sticky_for_s; /* since the last new connection */
	enum flow_key together_by; /* as sticky, but over all policies that say so; not both */
	uint32_t together_for_s;
	enum if_none if_none;
	enum on_failure on_failure;
	enum on_recovery on_recovery;
};

/* What a limit counts by. IPv6 addresses count by /64. */
enum limit_per {
	PER_SOURCE,
	PER_DESTINATION,
	PER_ALL,
};

enum limit_over {
	OVER_DROP,
	OVER_REJECT,
	OVER_CLASS,
};

/* Limits of one policy; 0: not limited. */
struct limits {
	uint32_t connections;        /* that live */
	struct rate new_connections;
	uint32_t burst;              /* of new connections */
	uint64_t bandwidth_bps;      /* both directions together */
	enum limit_per per;
	enum limit_over over;
	uint16_t over_class;         /* OVER_CLASS: index into qos.classes */
	uint32_t block_for_s;        /* 0: who is over the limit is not blocked */
};

/* Whether connections are, by their number or by how many begin. */
bool limits_connections(const struct limits *limits);

/* Whether anything is limited. */
bool limits_any(const struct limits *limits);

#define NO_CLASS UINT16_MAX

struct policy {
	const char *name;
	struct match match;
	enum action action;
	struct balance balance;
	struct nat nat;
	uint16_t qos_class; /* index into qos.classes, or NO_CLASS: the default one */
	struct limits limits;
	bool log;
};

#define CONFIG_CLASSES_MAX 30

/* A share of a link's bandwidth, absolute or relative to it. */
struct bandwidth {
	uint64_t bps;         /* 0: see permille */
	uint32_t permille;    /* of the link's; both 0: not given */
};

struct qos_class {
	const char *name;
	struct bandwidth min; /* guaranteed */
	struct bandwidth max; /* not given: all that the link has */
	unsigned int priority; /* 0, served first with what is left, to 7 */
};

struct qos {
	struct qos_class *classes; /* empty: no shaping */
	size_t count;
	uint16_t standard;         /* class of connections that no policy gives one */
};

/* What an attack is; each is one detector. */
enum detector {
	DETECT_SYN_FLOOD,
	DETECT_PING_FLOOD,
	DETECT_UDP_FLOOD,
	DETECT_CONNECTIONS, /* more live connections than max */
	DETECT_PORT_SCAN,
	DETECT_ADDRESS_SCAN,
};
#define DETECTORS 6

struct detector_settings {
	bool enabled;
	struct rate rate;     /* floods */
	uint32_t burst;
	uint32_t max;         /* DETECT_CONNECTIONS */
	uint32_t failures;    /* scans: net failures from which on a source is told */
	enum limit_per per;
	uint32_t block_for_s; /* 0: only what is too much is dropped */
};

/* Watches every connection, before the policies. */
struct dos {
	struct detector_settings detectors[DETECTORS];
	struct networks exempt; /* never limited, never blocked */
};

struct syslog_settings {
	bool enabled;
	int facility;           /* LOG_DAEMON, ... */
	const char *facility_name;
	const char *server;     /* "udp://HOST:PORT", "tcp://...", "tls://..."; NULL: the local daemon */
	const char *ca_file;    /* NULL: the system's */
	uint64_t buffer;        /* bytes of lines that wait for the server */
	bool records;           /* a line when a connection begins, and when it ends */
};

struct kernel_settings {
	uint8_t mark_shift;
	uint8_t mark_policy_bits;
	uint32_t first_table;   /* link with id n has table first_table + n */
	uint32_t rule_priority; /* first of a range of 300 */
	uint16_t first_queue;
	uint16_t queues;        /* for inside, and as many again for links */
	uint32_t queue_length;
	uint16_t log_group;     /* of copies of handshakes */
};

/* What is run for alerts. */
struct command_settings {
	struct names run;    /* the program, by its path, and its arguments; none: nothing is run */
	alert_kinds kinds;
	uint32_t timeout_ms;
	const char *user;    /* NULL: nobody, or who the daemon is where that is not root */
};

struct config {
	struct arena *arena;
	struct zone *zones;
	size_t zone_count;
	struct link *links;
	size_t link_count;
	struct policy *policies;
	size_t policy_count;
	struct set *sets;
	size_t set_count;
	struct qos qos;
	struct dos dos;
	struct mail_settings mail;
	struct syslog_settings syslog;
	struct command_settings command;
	struct kernel_settings kernel;
	const char *socket;
	const char *state_directory;
	uint32_t sticky_entries; /* size of the sticky table, a power of two */
	const char *connection_log; /* file for those that are over; NULL: none */
	uint64_t connection_log_limit; /* bytes, before it is put aside */
	uint32_t living_entries; /* connections that are watched at once */
	uint32_t path_entries;   /* size of the table of destinations, a power of two */
	bool path_probe;         /* popular ones are measured by connections of our own, too */
	uint32_t decision_records; /* that are kept for `why', a power of two; 0: none */
};

/* Accepts NULL. The struct itself lives in its arena too. */
void config_free(struct config *config);

/* Index of the link, zone, policy or set with that name, or -1. */
int config_link(const struct config *config, const char *name);
int config_zone(const struct config *config, const char *name);
int config_policy(const struct config *config, const char *name);

/* Where many policies are looked up by name: all of them, sorted. The caller frees it. NULL: no memory. */
struct policy_name {
	const char *name;
	size_t index;
} *config_policy_names(const struct config *config);

/* As config_policy(), in what config_policy_names() gave for count policies. */
int config_policy_named(const struct policy_name *names, size_t count, const char *name);
int config_set(const struct config *config, const char *name);

/* "syn-flood", as the configuration calls it. */
const char *detector_name(enum detector detector);

/* Index of the QoS class with that name, or -1. */
int config_class(const struct config *config, const char *name);

/* What the share is of a link with that bandwidth, not more than all of it; 0 where it is not given. */
uint64_t config_share(const struct bandwidth *bandwidth, uint64_t whole_bps);
