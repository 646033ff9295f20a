/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of single words: names, devices, paths, mail addresses. */

#include <string.h>
#include <sys/un.h>

#include "config/forms.h"

/* RFC 5321, 4.5.3.1.3, less the angle brackets. */
#define MAIL_ADDRESS_MAX 254

/* What the kernel keeps of a device's name, its end included. */
#define DEVICE_NAME_SIZE 16

bool name_is_reserved(const char *name)
{
	static const char *const reserved[] = { "any", "internet", "router" };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(name, reserved[i]) == 0)
			return true;
	}
	return false;
}

const char *check_name(const char *text, const char **ret_hint)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (name_is_reserved(text)) {
		*ret_hint = "any, internet and router have a meaning of their own: choose another name";
		return "is a reserved name";
	}
	*ret_hint = "a name is 1 to 32 letters, digits, `.', `_' or `-'";
	if (text[0] == '\0')
		return "is empty";
	if (strlen(text) > CONFIG_NAME_MAX)
		return "is too long for a name";
	return text[strspn(text, allowed)] == '\0' ? NULL : "is no name";
}

/* Anything that cannot be shown: controls, invisible marks, bytes that are no UTF-8. */
static bool has_control(const char *text)
{
	size_t length = strlen(text);

	for (size_t at = 0; at < length;) {
		bool printable;

		at += text_step(text + at, length - at, &printable);
		if (!printable)
			return true;
	}
	return false;
}

/* As the kernel's dev_valid_name(). */
const char *check_device(const char *text, const char **ret_hint)
{
	*ret_hint = "a device is named as `ip link' shows it: 1 to 15 characters without blanks, `/' or `:'";
	if (strlen(text) >= DEVICE_NAME_SIZE)
		return "is too long for a device";
	if (text[0] == '\0' || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "is no name of a device";
	return strpbrk(text, "/: ") != NULL || has_control(text) ? "is no name of a device" : NULL;
}

const char *check_path(const char *text, const char **ret_hint)
{
	*ret_hint = "write it from the root on: `/etc/uplinkd/...'";
	if (text[0] != '/')
		return "is not an absolute path";
	return has_control(text) ? "has a control character in it" : NULL;
}

const char *check_file(const char *text, const char **ret_hint)
{
	*ret_hint = "write it from the root on, or from the folder of this file on";
	if (text[0] == '\0')
		return "is empty";
	return has_control(text) ? "has a control character in it" : NULL;
}

const char *check_socket(const char *text, const char **ret_hint)
{
	const char *wrong = check_path(text, ret_hint);

	if (wrong != NULL || strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return wrong;
	*ret_hint = "a socket's path has 107 bytes at most";
	return "is too long for a socket";
}

const char *check_mail_address(const char *text, const char **ret_hint)
{
	const char *at = strchr(text, '@');

	*ret_hint = "write `name@example.net'";
	if (strlen(text) > MAIL_ADDRESS_MAX)
		return "is too long for a mail address";
	if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return "is not a mail address";
	if (has_control(text) || strpbrk(text, " <>,;\"\\") != NULL)
		return "has a character that no mail address has";
	return NULL;
}

#define ARGUMENT_MAX 1000
#define USER_MAX     32

const char *check_argument(const char *text, const char **ret_hint)
{
	*ret_hint = "1000 printable bytes are possible";
	if (strlen(text) > ARGUMENT_MAX)
		return "is too long";
	return has_control(text) ? "has a control character in it" : NULL;
}

const char *check_user(const char *text, const char **ret_hint)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_$";

	*ret_hint = "write the name of a user of this machine, such as nobody";
	if (strcmp(text, "root") == 0)
		return "may not be root";
	return text[0] == '\0' || text[0] == '-' || strlen(text) > USER_MAX || text[strspn(text, allowed)] != '\0'
	       ? "is no name of a user" : NULL;
}

const char *check_mail_user(const char *text, const char **ret_hint)
{
	*ret_hint = "write the name that the mail server knows";
	if (text[0] == '\0' || strlen(text) > MAIL_ADDRESS_MAX)
		return "is empty or too long";
	return has_control(text) ? "has a control character in it" : NULL;
}

/* Letters, digits, dots and dashes, or an address in brackets. Returns what follows, or NULL. */
static const char *skip_host(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t length = strspn(text, allowed);
	struct address address;
	char inside[ADDRESS_TEXT_MAX];

	if (text[0] != '[')
		return length == 0 || text[0] == '-' || text[0] == '.' ? NULL : text + length;
	text++;
	length = strcspn(text, "]");
	if (text[length] != ']' || length >= sizeof(inside))
		return NULL;
	memcpy(inside, text, length);
	inside[length] = '\0';
	return address_parse(inside, &address) ? text + length + 1 : NULL;
}

const char *check_address(const char *text, const char **ret_hint)
{
	struct address address;

	*ret_hint = "write an address such as 192.0.2.1 or \"2001:db8::1\"";
	return address_parse(text, &address) ? NULL : "is not an address";
}

const char *check_host(const char *text, const char **ret_hint)
{
	const char *rest = text[0] == '[' || strlen(text) > 253 ? NULL : skip_host(text);

	*ret_hint = "write a name such as example.net";
	return rest == NULL || *rest != '\0' ? "is no name of a host" : NULL;
}

/* What a body is searched for. */
const char *check_phrase(const char *text, const char **ret_hint)
{
	*ret_hint = "write some words of the page, 1 to 200 characters of one line";
	if (text[0] == '\0' || strlen(text) > 200)
		return "is empty or too long";
	return has_control(text) ? "has a control character in it" : NULL;
}

const char *check_url(const char *text, const char **ret_hint)
{
	size_t scheme = strncmp(text, "http://", 7) == 0 ? 7 : strncmp(text, "https://", 8) == 0 ? 8 : 0;
	const char *rest = scheme == 0 || strlen(text) > 1000 ? NULL : skip_host(text + scheme);
	uint16_t port, last;
	char number[6] = "";

	*ret_hint = "write \"http://example.net/path\" or \"https://192.0.2.1:8443/\"";
	if (rest == NULL)
		return scheme == 0 ? "starts with neither http:// nor https://" : "names no host";
	if (*rest == ':') {
		size_t length = strcspn(rest + 1, "/?");

		memcpy(number, rest + 1, length < sizeof(number) ? length : 0);
		if (!value_ports(number, &port, &last) || port != last)
			return "has no port after the colon";
		rest += 1 + length;
	}
	if (*rest != '\0' && *rest != '/' && *rest != '?')
		return "has something after the host that is no path";
	return has_control(rest) || strpbrk(rest, " \"<>\\^`{|}#") != NULL ? "has a character that no URL has" : NULL;
}

/* What follows the scheme: a host, and a port, which may be missing or not. */
static const char *check_host_port(const char *text, size_t scheme, bool port_required)
{
	const char *rest = skip_host(text + scheme);
	uint16_t port, last;

	if (rest == NULL || rest - text > 260)
		return "names no host";
	if (*rest == '\0')
		return port_required ? "has no port" : NULL;
	if (*rest != ':')
		return "has something after the host";
	return strchr(rest, '-') == NULL && value_ports(rest + 1, &port, &last) ? NULL : "has no port after the colon";
}

const char *check_mail_server(const char *text, const char **ret_hint)
{
	size_t scheme = strncmp(text, "smtp://", 7) == 0 ? 7 : strncmp(text, "smtps://", 8) == 0 ? 8 : 0;

	*ret_hint = "write \"smtp://mail.example.net:587\" or \"smtps://mail.example.net:465\"";
	return scheme == 0 ? "starts with neither smtp:// nor smtps://" : check_host_port(text, scheme, false);
}

const char *check_syslog_server(const char *text, const char **ret_hint)
{
	static const char *const schemes[] = { "udp://", "tcp://", "tls://" };

	*ret_hint = "write \"udp://log.example.net:514\", \"tcp://192.0.2.9:601\" or \"tls://log.example.net:6514\"";
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			return check_host_port(text, strlen(schemes[i]), true);
	}
	return "starts with none of udp://, tcp:// and tls://";
}
