/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gathers the evidence of what is wrong with a link: asks through it and beside it, all at once, for a bounded time. */

#include "service/diagnose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/diagnose_ask.h"
#include "service/probe_ping.h"

#define TICK_MS 20

/* A tick that comes later than that was kept waiting by this machine, which says nothing of the link. */
#define TICK_MAX_MS 100

/* Single packets that nobody has answered go out once more after this part of the patience. */
#define AGAIN_PERCENT 40

/* An exchange of many packets has this part of it: a name is asked for twice, and that it is not found must be told. */
#define EXCHANGE_PERCENT 60

/* How much is asked: when a link fails, and for people. */
#define HOPS            6
#define HOPS_THOROUGH   EVIDENCE_HOPS_MAX
#define ECHOES          3
#define ECHOES_THOROUGH 10
#define ECHO_EVERY_MS   80

/* Any name will do: that the server answers at all is what counts. */
#define NAME_FOR_SERVERS "example.com"

/* Of what tunnels and lines have, the link's own first; from which on the thorough ones begin to be left out. */
static const unsigned int sizes[] = { 0, 1400, 1280, 576, 1492, 1480, 1472, 1452, 1420, 1360, 1300, 1000 };
#define SIZES          4
#define SIZES_THOROUGH (sizeof(sizes) / sizeof(sizes[0]))
#define SIZE_LEAST_IPV6 1280

enum purpose {
	PURPOSE_TARGET,
	PURPOSE_ELSEWHERE, /* a target of ours through another link */
	PURPOSE_FOREIGN,
	PURPOSE_SERVER,
	PURPOSE_GATEWAY,
	PURPOSE_NEIGHBOUR,
	PURPOSE_OTHER,     /* the gateway of another link as its neighbour */
	PURPOSE_HOP,
	PURPOSE_ECHO,
	PURPOSE_SIZED,
	PURPOSE_SIZED_ELSEWHERE, /* the largest, through another link */
	PURPOSE_PUBLIC,
};

struct item {
	struct question question;
	enum purpose purpose;
	size_t index;      /* of the target, server or hop */
	enum family family;
	uint32_t due_ms;   /* since the beginning */
	bool begun;
};

#define ITEMS_MAX (EVIDENCE_TARGETS_MAX * (1 + DIAGNOSE_OTHERS_MAX) + DIAGNOSE_FOREIGN_MAX + EVIDENCE_SERVERS_MAX + 1 \
	+ FAMILIES * (2 + DIAGNOSE_OTHERS_MAX + HOPS_THOROUGH + ECHOES_THOROUGH + SIZES_THOROUGH + 1))

struct diagnose {
	uv_timer_t timer;
	struct diagnose_request request;
	struct evidence evidence;
	struct target servers[EVIDENCE_SERVERS_MAX];
	struct item items[ITEMS_MAX];
	size_t item_count;
	uint64_t ticked_ns, echo_sum_us[FAMILIES];
	uint32_t elapsed_ms; /* of time in which answers could be read */
	bool sent_again, able[DIAGNOSE_OTHERS_MAX];
	diagnose_done done;
	void *data;
};

static uint32_t advance(struct diagnose *diagnose)
{
	uint64_t now_ns = uv_hrtime(), passed_ms = (now_ns - diagnose->ticked_ns) / 1000000u;

	if (passed_ms == 0)
		return diagnose->elapsed_ms;
	diagnose->ticked_ns = now_ns;
	diagnose->elapsed_ms += passed_ms > TICK_MAX_MS ? TICK_MAX_MS : (uint32_t)passed_ms;
	return diagnose->elapsed_ms;
}

static enum answer better(enum answer a, enum answer b)
{
	static const enum answer order[] = { ANSWER_GOOD, ANSWER_REFUSED, ANSWER_OTHER, ANSWER_NO_NAME, ANSWER_NONE };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (a == order[i] || b == order[i])
			return order[i];
	}
	return ANSWER_NOT_ASKED;
}

static void note_echo(struct diagnose *diagnose, struct family_evidence *found, const struct item *item)
{
	uint32_t us = item->question.latency_us;

	if (item->question.answer != ANSWER_GOOD)
		return;
	found->echoes_heard++;
	diagnose->echo_sum_us[item->family] += us;
	found->echo_mean_us = (uint32_t)(diagnose->echo_sum_us[item->family] / found->echoes_heard);
	if (found->echo_least_us == 0 || us < found->echo_least_us)
		found->echo_least_us = us;
	if (us > found->echo_most_us)
		found->echo_most_us = us;
}

static void note_size(struct family_evidence *found, const struct question *question)
{
	unsigned int told = question->complaint.mtu;

	if (question->answer == ANSWER_GOOD && question->size > found->mtu_heard)
		found->mtu_heard = question->size;
	if (question->answer == ANSWER_REFUSED && (found->mtu_told == 0 || told < found->mtu_told))
		found->mtu_told = told;
}

static void note_hop(struct family_evidence *found, const struct item *item)
{
	const struct question *question = &item->question;

	if (question->answer != ANSWER_GOOD || item->index >= found->hop_count)
		return;
	found->hops[item->index] = (struct hop_evidence){ true, question->complaint.from, question->latency_us };
	if (question->complaint.arrived) /* what was let pass longer is at its end as well */
		found->hop_count = (unsigned int)item->index + 1;
}

static void note(struct diagnose *diagnose, const struct item *item)
{
	struct evidence *evidence = &diagnose->evidence;
	struct family_evidence *found = &evidence->families[item->family];
	const struct question *question = &item->question;

	switch (item->purpose) {
	case PURPOSE_TARGET:
		evidence->targets[item->index].here = question->answer;
		evidence->targets[item->index].latency_us = question->latency_us;
		break;
	case PURPOSE_ELSEWHERE:
		evidence->targets[item->index].elsewhere = better(evidence->targets[item->index].elsewhere, question->answer);
		break;
	case PURPOSE_FOREIGN:
		found->others = better(found->others, question->answer);
		break;
	case PURPOSE_SERVER:
		evidence->servers[item->index].answer = question->answer;
		evidence->servers[item->index].latency_us = question->latency_us;
		break;
	case PURPOSE_GATEWAY:
		found->gateway_echo = question->answer;
		break;
	case PURPOSE_NEIGHBOUR:
		found->neighbour = question->answer;
		break;
	case PURPOSE_OTHER:
		diagnose->able[item->index] |= question->answer == ANSWER_GOOD;
		break;
	case PURPOSE_HOP:
		note_hop(found, item);
		break;
	case PURPOSE_ECHO:
		note_echo(diagnose, found, item);
		break;
	case PURPOSE_SIZED:
		note_size(found, question);
		break;
	case PURPOSE_SIZED_ELSEWHERE:
		found->mtu_elsewhere = question->answer;
		break;
	case PURPOSE_PUBLIC:
		evidence->public_page = question->answer;
		evidence->public_known = question->public_known;
		evidence->public_address = question->public_address;
		break;
	}
}

/* Who may pass more routers than there are is not waited for: a destination answers only so many in a second. */
static void end_hops(struct diagnose *diagnose, const struct item *last)
{
	for (size_t i = 0; i < diagnose->item_count; i++) {
		struct item *item = &diagnose->items[i];

		if (item->purpose == PURPOSE_HOP && item->family == last->family && item->index > last->index)
			question_settle(&item->question);
	}
}

static void on_answer(struct question *question)
{
	struct item *item = (struct item *)((char *)question - offsetof(struct item, question));

	note(question->data, item);
	if (item->purpose == PURPOSE_HOP && question->complaint.arrived)
		end_hops(question->data, item);
}

/* What nobody has answered is noted as well. */
static void finish(struct diagnose *diagnose)
{
	uv_timer_stop(&diagnose->timer);
	for (size_t i = 0; i < diagnose->item_count; i++) {
		struct item *item = &diagnose->items[i];
		bool noted;

		/* Timers come before sockets: the answer may be there. */
		question_look(&item->question);
		noted = item->begun && !question_waits(&item->question) && item->question.answer != ANSWER_NONE;

		question_settle(&item->question);
		if (!noted)
			note(diagnose, item);
	}
	for (size_t i = 0; i < diagnose->request.other_count; i++)
		diagnose->evidence.others_able += diagnose->able[i];
	diagnose->done(diagnose->data, &diagnose->evidence);
}

static void on_tick(uv_timer_t *timer)
{
	struct diagnose *diagnose = timer->data;
	uint32_t now_ms = advance(diagnose);
	bool again = !diagnose->sent_again && now_ms >= diagnose->request.patience_ms * AGAIN_PERCENT / 100, open = false;

	for (size_t i = 0; i < diagnose->item_count; i++) {
		struct item *item = &diagnose->items[i];

		if (!item->begun && now_ms >= item->due_ms) {
			item->begun = true;
			item->question.timeout_ms = diagnose->request.patience_ms * EXCHANGE_PERCENT / 100;
			question_ask(timer->loop, &item->question);
		} else if (again && item->purpose != PURPOSE_ECHO) {
			question_again(timer->loop, &item->question);
		}
		open |= !item->begun || question_waits(&item->question);
	}
	diagnose->sent_again |= again;
	if (!open || now_ms >= diagnose->request.patience_ms)
		finish(diagnose);
}

static struct item *add(struct diagnose *diagnose, enum purpose purpose, size_t index, const struct diagnose_way *way)
{
	struct item *item = &diagnose->items[diagnose->item_count++];

	item->purpose = purpose;
	item->index = index;
	item->question.path = (struct checker_path){ way->device, way->mark, way->bytes };
	item->question.on_answer = on_answer;
	item->question.data = diagnose;
	return item;
}

static struct item *add_target(struct diagnose *diagnose, enum purpose purpose, size_t index,
	const struct diagnose_way *way, const struct target *target)
{
	struct item *item = add(diagnose, purpose, index, way);

	item->question.target = *target;
	item->family = target->address.family;
	return item;
}

static struct item *add_address(struct diagnose *diagnose, enum purpose purpose, size_t index,
	const struct address *address)
{
	struct target target = { .kind = TARGET_PING, .address = *address };

	return add_target(diagnose, purpose, index, &diagnose->request.way, &target);
}

static void add_neighbour(struct diagnose *diagnose, enum purpose purpose, size_t index, const struct diagnose_way *way)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct target target = { .kind = TARGET_NEIGHBOUR, .address = way->gateway[family] };

		if (way->names_gateway[family])
			add_target(diagnose, purpose, index, way, &target);
	}
}

/* Of a page the family is that of its address, where its URL or the configuration has one. */
static struct target_evidence describe(const struct target *target)
{
	struct target_evidence evidence = { .kind = target->kind, .family = target->address.family };
	struct address address;

	if (target->kind == TARGET_HTTP) {
		const char *host = strstr(target->url, "://");
		char text[ADDRESS_TEXT_MAX] = "";

		host = host == NULL ? target->url : host + 3;
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(host, "/:?#"), host);
		evidence.by_name = host[0] != '[' && !address_parse(target->at != NULL ? target->at : text, &address);
		evidence.family = host[0] == '[' ? IPV6 : evidence.by_name ? IPV4 : address.family;
	}
	return evidence;
}

/* As the checks ask it: the gateway is known by now. */
static struct target resolve(const struct target *target, const struct diagnose_way *way)
{
	struct target resolved = *target;

	if (target->kind == TARGET_NEIGHBOUR && target->gateway)
		resolved.address = way->gateway[way->names_gateway[IPV4] ? IPV4 : IPV6];
	return resolved;
}

static void add_targets(struct diagnose *diagnose)
{
	const struct diagnose_request *request = &diagnose->request;
	struct evidence *evidence = &diagnose->evidence;

	evidence->target_count = request->target_count;
	for (size_t i = 0; i < request->target_count; i++) {
		struct target target = resolve(&request->targets[i], &request->way);

		evidence->targets[i] = describe(&target);
		add_target(diagnose, PURPOSE_TARGET, i, &request->way, &target);
		/* Nobody else has that wire. */
		for (size_t j = 0; target.kind != TARGET_NEIGHBOUR && j < request->other_count; j++)
			add_target(diagnose, PURPOSE_ELSEWHERE, i, &request->others[j], &target);
	}
	for (size_t i = 0; i < request->other_count; i++) {
		diagnose->able[i] = request->others[i].works;
		add_neighbour(diagnose, PURPOSE_OTHER, i, &request->others[i]);
	}
	for (size_t i = 0; i < request->foreign_count; i++)
		add_target(diagnose, PURPOSE_FOREIGN, i, &request->way, &request->foreign[i]);
}

static void add_servers(struct diagnose *diagnose)
{
	for (size_t i = 0; i < diagnose->evidence.server_count; i++) {
		struct target *server = &diagnose->servers[i];

		*server = (struct target){ .kind = TARGET_DNS, .address = diagnose->evidence.servers[i].address,
			.name = NAME_FOR_SERVERS };
		add_target(diagnose, PURPOSE_SERVER, i, &diagnose->request.way, server);
	}
}

static void prefer(const struct target *target, enum family family, unsigned int rank, unsigned int *best,
	struct address *destination)
{
	if (target->kind == TARGET_HTTP || target->kind == TARGET_NEIGHBOUR || target->address.family != family)
		return;
	rank += target->kind == TARGET_PING ? 0 : 2;
	if (rank >= *best)
		return;
	*best = rank;
	*destination = target->address;
}

/* Who is asked for hops, echoes and sizes: targets that are known to answer echoes first, and our own before others. */
static bool find_destination(const struct diagnose *diagnose, enum family family, struct address *destination)
{
	const struct diagnose_request *request = &diagnose->request;
	unsigned int best = 5;

	for (size_t i = 0; i < request->target_count; i++)
		prefer(&request->targets[i], family, 0, &best, destination);
	for (size_t i = 0; i < request->foreign_count; i++)
		prefer(&request->foreign[i], family, 1, &best, destination);
	for (size_t i = 0; i < diagnose->evidence.server_count; i++)
		prefer(&diagnose->servers[i], family, 2, &best, destination);
	return best < 5;
}

/* What the link takes, but not more than the internet does; even. 0: not known. */
static unsigned int mtu_of(const struct diagnose_way *way, enum family family)
{
	return way->mtu[family] > PING_SIZE_MAX ? PING_SIZE_MAX : way->mtu[family] & ~1u;
}

static void add_size(struct diagnose *diagnose, enum purpose purpose, const struct diagnose_way *way,
	const struct address *destination, unsigned int size)
{
	struct target target = { .kind = TARGET_PING, .address = *destination };
	struct item *item = add_target(diagnose, purpose, 0, way, &target);

	item->question.kind = QUESTION_SIZED;
	item->question.size = size;
}

static void add_sizes(struct diagnose *diagnose, const struct address *destination)
{
	const struct diagnose_request *request = &diagnose->request;
	struct family_evidence *found = &diagnose->evidence.families[destination->family];
	unsigned int least = destination->family == IPV6 ? SIZE_LEAST_IPV6 : sizes[SIZES - 1];

	found->mtu_device = mtu_of(&request->way, destination->family);
	for (size_t i = 0; i < (request->thorough ? SIZES_THOROUGH : SIZES); i++) {
		unsigned int size = sizes[i] == 0 ? found->mtu_device : sizes[i];

		if (size >= least && size <= found->mtu_device && (i == 0 || size != found->mtu_device))
			add_size(diagnose, PURPOSE_SIZED, &request->way, destination, size);
	}
	for (size_t i = 0; i < request->other_count; i++) {
		if (request->others[i].works && mtu_of(&request->others[i], destination->family) >= found->mtu_device) {
			add_size(diagnose, PURPOSE_SIZED_ELSEWHERE, &request->others[i], destination, found->mtu_device);
			return;
		}
	}
}

static void add_way(struct diagnose *diagnose, enum family family)
{
	struct family_evidence *found = &diagnose->evidence.families[family];
	bool thorough = diagnose->request.thorough;

	if (!found->has_gateway)
		return;
	if (found->names_gateway)
		add_address(diagnose, PURPOSE_GATEWAY, 0, &found->gateway);
	found->destination_known = find_destination(diagnose, family, &found->destination);
	if (!found->destination_known)
		return;
	found->hop_count = thorough ? HOPS_THOROUGH : HOPS;
	for (unsigned int i = 0; i < found->hop_count; i++) {
		struct item *item = add_address(diagnose, PURPOSE_HOP, i, &found->destination);

		item->question.kind = QUESTION_HOP;
		item->question.ttl = i + 1;
	}
	found->echoes_sent = thorough ? ECHOES_THOROUGH : ECHOES;
	for (unsigned int i = 0; i < found->echoes_sent; i++)
		add_address(diagnose, PURPOSE_ECHO, i, &found->destination)->due_ms = i * ECHO_EVERY_MS;
	add_sizes(diagnose, &found->destination);
}

static void add_public(struct diagnose *diagnose)
{
	struct target target = { .kind = TARGET_HTTP, .url = diagnose->request.public_url, .verify = true };

	if (target.url != NULL)
		add_target(diagnose, PURPOSE_PUBLIC, 0, &diagnose->request.way, &target);
}

int diagnose_new(uv_loop_t *loop, const struct diagnose_request *request, const struct evidence *known,
	diagnose_done done, void *data, struct diagnose **ret_diagnose)
{
	struct diagnose *diagnose = calloc(1, sizeof(*diagnose));
	int error;

	if (diagnose == NULL)
		return -ENOMEM;
	diagnose->request = *request;
	diagnose->evidence = *known;
	diagnose->done = done;
	diagnose->data = data;
	diagnose->ticked_ns = uv_hrtime();
	error = uv_timer_init(loop, &diagnose->timer);
	if (error < 0) {
		free(diagnose);
		return error;
	}
	diagnose->timer.data = diagnose;
	add_targets(diagnose);
	add_neighbour(diagnose, PURPOSE_NEIGHBOUR, 0, &diagnose->request.way);
	add_servers(diagnose);
	for (enum family family = IPV4; family <= IPV6; family++)
		add_way(diagnose, family);
	add_public(diagnose);
	uv_timer_start(&diagnose->timer, on_tick, 0, TICK_MS);
	*ret_diagnose = diagnose;
	return 0;
}

static void free_diagnose(uv_handle_t *handle)
{
	free(handle->data);
}

void diagnose_free(struct diagnose *diagnose)
{
	if (diagnose == NULL)
		return;
	for (size_t i = 0; i < diagnose->item_count; i++)
		question_settle(&diagnose->items[i].question);
	uv_close((uv_handle_t *)&diagnose->timer, free_diagnose);
}
