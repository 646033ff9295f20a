/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of state.h: what was written comes back, nothing else does, a bad file is set aside. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/arena.h"
#include "service/log.h"
#include "service/state.h"

#define KEY "00112233445566778899aabbccddeeff"

static int make_folder(void **test)
{
	char path[] = "/tmp/uplinkd-state-XXXXXX";

	*test = mkdtemp(path) ? strdup(path) : NULL;
	return *test ? 0 : -1;
}

static int remove_folder(void **test)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*test);
	free(*test);
	return system(command);
}

static const char *place(const char *folder, const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *folder, const char *name, const char *text)
{
	FILE *file = fopen(place(folder, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static bool is_there(const char *folder, const char *name)
{
	return access(place(folder, name), F_OK) == 0;
}

/* What the daemon says of a broken file is not for the eyes of who runs the tests. */
static void read_quietly(const char *folder, struct state *ret_state)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), result;

	dup2(null, STDERR_FILENO);
	result = state_read(folder, ret_state);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	assert_int_equal(result, 0);
}

static void assert_empty(const struct state *state)
{
	assert_int_equal(state->link_count, 0);
	assert_int_equal(state->policy_count, 0);
	assert_int_equal(state->outage_count, 0);
	assert_true(state->key.words[0] != 0 || state->key.words[1] != 0);
}

static void comes_back_as_it_was(void **test)
{
	struct id_record links[] = { { "fiber", 1 }, { "lte", 60 } };
	struct id_record policies[] = { { "voice \"quoted\"", 8190 } };
	struct id_record classes[] = { { "bulk", 30 }, { "voice", 1 } };
	struct order orders[] = { { "lte", DUTY_DRAINS, 1700000100 }, { "fiber", DUTY_DISABLED, 0 } };
	struct outage outages[] = { { "lte", "1.2@gw", 1700000000 }, { "fiber", NULL, 1700000001 } };
	struct state written = { .key = { { 0x0123456789abcdef, 0xffffffffffffffff } }, .links = links,
		.link_count = 2, .policies = policies, .policy_count = 1, .classes = classes, .class_count = 2,
		.outages = outages,
		.outage_count = 2,
		.orders = orders,
		.order_count = 2 };
	struct state state;
	struct stat status;

	assert_int_equal(state_write(*test, &written), 0);
	assert_int_equal(stat(place(*test, "state.json"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(state_read(*test, &state), 0);
	assert_memory_equal(&state.key, &written.key, sizeof(state.key));
	assert_int_equal(state.link_count, 2);
	assert_string_equal(state.links[0].name, "fiber");
	assert_int_equal(state.links[0].id, 1);
	assert_string_equal(state.links[1].name, "lte");
	assert_int_equal(state.links[1].id, 60);
	assert_int_equal(state.policy_count, 1);
	assert_string_equal(state.policies[0].name, "voice \"quoted\"");
	assert_int_equal(state.policies[0].id, 8190);
	assert_int_equal(state.class_count, 2);
	assert_string_equal(state.classes[0].name, "bulk");
	assert_int_equal(state.classes[0].id, 30);
	assert_int_equal(state.outage_count, 2);
	assert_string_equal(state.outages[0].link, "lte");
	assert_string_equal(state.outages[0].message_id, "1.2@gw");
	assert_int_equal(state.outages[0].since, 1700000000);
	assert_null(state.outages[1].message_id);
	assert_int_equal(state.order_count, 2);
	assert_string_equal(state.orders[0].link, "lte");
	assert_int_equal(state.orders[0].duty, DUTY_DRAINS);
	assert_int_equal(state.orders[0].until, 1700000100);
	assert_string_equal(state.orders[1].link, "fiber");
	assert_int_equal(state.orders[1].duty, DUTY_DISABLED);
	arena_free(state.arena);
}

static void begins_empty_with_a_random_key(void **test)
{
	struct state first, second;

	assert_int_equal(state_read(*test, &first), 0);
	assert_int_equal(state_read(*test, &second), 0);
	assert_empty(&first);
	assert_memory_not_equal(&first.key, &second.key, sizeof(first.key));
	assert_false(is_there(*test, "state.json.broken"));
	arena_free(first.arena);
	arena_free(second.arena);
}

static void makes_missing_folders(void **test)
{
	struct state state = { .key = { { 1, 2 } } }, back;
	char folder[200];

	snprintf(folder, sizeof(folder), "%s/var/lib/deep", (char *)*test);
	assert_int_equal(state_read(folder, &back), 0);
	arena_free(back.arena);
	assert_int_equal(state_write(folder, &state), 0);
	assert_int_equal(state_read(folder, &back), 0);
	assert_int_equal(back.key.words[1], 2);
	arena_free(back.arena);
}

static void sets_aside_what_it_cannot_use(void **test)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"{\"version\":2,\"key\":\"" KEY "\",\"links\":{},\"policies\":{},\"outages\":[]}",
		"{\"version\":1,\"key\":\"0011\",\"links\":{},\"policies\":{},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{\"a\":0},\"policies\":{},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{\"a\":61},\"policies\":{},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{\"a\":1,\"a\":2},\"policies\":{},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{\"p\":65535},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{\"p\":65537},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{\"p\":\"1\"},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{},\"outages\":[{}]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{},\"classes\":{\"c\":31},\"outages\":[]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{},\"outages\":[{\"link\":\"a\"}]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{},\"outages\":[],\"orders\":[{\"link\":\"a\",\"duty\":\"in service\",\"until\":0}]}",
		"{\"version\":1,\"key\":\"" KEY "\",\"links\":{},\"policies\":{}}",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct state state;

		put(*test, "state.json", broken[i]);
		unlink(place(*test, "state.json.broken"));
		read_quietly(*test, &state);
		assert_empty(&state);
		assert_false(is_there(*test, "state.json"));
		assert_true(is_there(*test, "state.json.broken"));
		arena_free(state.arena);
	}
}

static void survives_a_writer_that_died(void **test)
{
	struct state state = { .key = { { 1, 2 } } }, back;

	assert_int_equal(state_write(*test, &state), 0);
	put(*test, ".state.json.new", "{ half of");
	assert_int_equal(state_read(*test, &back), 0);
	assert_int_equal(back.key.words[1], 2);
	arena_free(back.arena);
	state.key.words[1] = 3;
	assert_int_equal(state_write(*test, &state), 0);
	assert_false(is_there(*test, ".state.json.new"));
	assert_int_equal(state_read(*test, &back), 0);
	assert_int_equal(back.key.words[1], 3);
	arena_free(back.arena);
}

static void keeps_blobs(void **test)
{
	static const uint8_t bytes[] = { 0, 1, 2, 255, 0 };
	void *back;
	size_t size;

	assert_int_equal(state_read_blob(*test, "sticky", 100, &back, &size), -ENOENT);
	assert_int_equal(state_write_blob(*test, "sticky", bytes, sizeof(bytes)), 0);
	assert_int_equal(state_read_blob(*test, "sticky", 4, &back, &size), -EFBIG);
	assert_int_equal(state_read_blob(*test, "sticky", 5, &back, &size), 0);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(back, bytes, sizeof(bytes));
	free(back);
	assert_int_equal(state_write_blob(*test, "../out", bytes, 1), -EINVAL);
	assert_int_equal(state_read_blob(*test, "../out", 1, &back, &size), -EINVAL);
	assert_int_equal(state_write_blob(*test, ".hidden", bytes, 1), -EINVAL);
}

static void keeps_away_from_what_is_no_file(void **test)
{
	void *back;
	size_t size;

	assert_int_equal(mkfifo(place(*test, "pipe"), 0600), 0);
	assert_int_equal(state_read_blob(*test, "pipe", 10, &back, &size), -EINVAL);
	assert_int_equal(symlink("/etc/passwd", place(*test, "away")), 0);
	assert_int_equal(state_read_blob(*test, "away", 1 << 20, &back, &size), -ELOOP);
}

static void tells_where_it_cannot_write(void **test)
{
	struct state state = { .key = { { 1, 2 } } };

	put(*test, "file", "");
	assert_int_equal(state_write(place(*test, "file"), &state), -ENOTDIR);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back_as_it_was, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(begins_empty_with_a_random_key, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(makes_missing_folders, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(sets_aside_what_it_cannot_use, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(survives_a_writer_that_died, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(keeps_blobs, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(keeps_away_from_what_is_no_file, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(tells_where_it_cannot_write, make_folder, remove_folder),
	};

	log_open(true, false, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
