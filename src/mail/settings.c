/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells the mail process at its start: one line of JSON. */

#include "mail/settings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>

#include "service/alert_text.h"

#define TIMEOUT_S      60
#define TIMEOUT_MOST_S 600

/* Our name for EHLO; a strange one would be refused, or worse. */
static void host_name(char *name, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	if (gethostname(name, size) < 0)
		name[0] = '\0';
	name[size - 1] = '\0';
	if (name[0] == '\0' || name[strspn(name, plain)] != '\0')
		strcpy(name, "localhost");
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK && text != NULL && *text != '\0';

	curl_free(text);
	return found;
}

static bool has_scheme(CURLU *url, const char *scheme)
{
	char *text = NULL;
	bool same = curl_url_get(url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK && strcmp(text, scheme) == 0;

	curl_free(text);
	return same;
}

/* smtp://host:port with the EHLO name as its path, as libcurl takes it; NULL where it is no such address. */
static char *server_url(const char *text)
{
	char path[66] = "/", *whole = NULL, *copy = NULL;
	CURLU *url = curl_url();

	if (url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
		goto cleanup;
	if (!has_scheme(url, "smtp") && !has_scheme(url, "smtps"))
		goto cleanup;
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) || has_part(url, CURLUPART_OPTIONS) ||
		has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
		goto cleanup;
	host_name(path + 1, sizeof(path) - 1);
	if (curl_url_set(url, CURLUPART_PATH, path, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK)
		copy = strdup(whole);

cleanup:
	curl_free(whole);
	curl_url_cleanup(url);
	return copy;
}

static const char *text_of(const json_t *document, const char *key)
{
	return json_string_value(json_object_get(document, key));
}

static const char *read_addresses(const json_t *document, struct settings *settings)
{
	const json_t *to = json_object_get(document, "to");
	const char *from = text_of(document, "from");

	if (!text_is_address(from))
		return "from is no mail address";
	settings->from = strdup(from);
	if (!json_is_array(to) || json_array_size(to) == 0 || json_array_size(to) > RECIPIENTS_MAX)
		return "to must be a list of 1 to 64 mail addresses";

	for (size_t i = 0; i < json_array_size(to); i++) {
		const char *address = json_string_value(json_array_get(to, i));

		if (!text_is_address(address))
			return "an item of to is no mail address";
		settings->to[i] = strdup(address);
		if (settings->to[i] == NULL)
			return "no memory";
		settings->to_count = i + 1;
	}
	return settings->from == NULL ? "no memory" : NULL;
}

/* An absent text stays NULL. */
static bool copy_text(const json_t *document, const char *key, char **ret_copy)
{
	const char *text = text_of(document, key);

	*ret_copy = text != NULL ? strdup(text) : NULL;
	return text == NULL || *ret_copy != NULL;
}

static const char *read_tls(const json_t *document, enum mail_tls *ret_tls)
{
	static const struct {
		const char *name;
		enum mail_tls tls;
	} kinds[] = {
		{ "opportunistic", TLS_OPPORTUNISTIC },
		{ "required", TLS_REQUIRED },
		{ "never", TLS_NEVER },
	};
	const char *name = text_of(document, "tls");

	for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*ret_tls = kinds[i].tls;
			return NULL;
		}
	}
	return "tls must be opportunistic, required or never";
}

static const char *read_document(const json_t *document, struct settings *settings)
{
	const char *server = text_of(document, "server");
	json_int_t timeout_s = json_integer_value(json_object_get(document, "timeout_s"));
	const char *wrong = read_addresses(document, settings);

	settings->timeout_s = timeout_s >= 1 && timeout_s <= TIMEOUT_MOST_S ? (long)timeout_s : TIMEOUT_S;
	if (wrong == NULL)
		wrong = read_tls(document, &settings->tls);
	if (wrong != NULL)
		return wrong;

	settings->server = server != NULL ? server_url(server) : NULL;
	if (settings->server == NULL)
		return "server must be smtp://host:port or smtps://host:port";
	if (!copy_text(document, "user", &settings->user) || !copy_text(document, "password", &settings->password) ||
		!copy_text(document, "ca_file", &settings->ca_file))
		return "no memory";
	if (settings->password != NULL && settings->user == NULL)
		return "a password needs a user";
	return NULL;
}

const char *settings_read(const char *line, struct settings *ret_settings)
{
	struct settings settings = { 0 };
	json_t *document = json_loads(line, 0, NULL);
	const char *wrong;

	if (document == NULL)
		return "the settings are no JSON";

	wrong = read_document(document, &settings);
	json_decref(document);
	if (wrong != NULL)
		settings_free(&settings);
	else
		*ret_settings = settings;
	return wrong;
}

void settings_free(struct settings *settings)
{
	if (settings->password != NULL)
		explicit_bzero(settings->password, strlen(settings->password));
	for (size_t i = 0; i < settings->to_count; i++)
		free(settings->to[i]);
	free(settings->server);
	free(settings->from);
	free(settings->user);
	free(settings->password);
	free(settings->ca_file);
	*settings = (struct settings){ 0 };
}
