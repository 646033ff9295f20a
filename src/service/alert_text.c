/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from anywhere made fit for a mail: one clean line of UTF-8, RFC 2047 headers, RFC 2045 bodies. */

#include "service/alert_text.h"

#include <stdint.h>
#include <string.h>

#define LINE_FOLD      76  /* RFC 2047 section 2, RFC 2045 section 6.7 */
#define ADDRESS_MAX    254 /* RFC 5321 section 4.5.3.1.3, without the brackets */
#define LINE_PLAIN_MAX 900 /* RFC 5322 allows 998; above this a body is quoted-printable */

static const char hex[] = "0123456789ABCDEF";

/* Length of the well-formed UTF-8 character at text and its number, or 0. Reads no further than a zero byte. */
static size_t decode(const unsigned char *text, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;
	uint32_t code;

	if (text[0] < 0x80) {
		*ret_code = text[0];
		return 1;
	}
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;

	length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	code = text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

/* Characters that end a line, hide, or turn the direction of what follows. */
static bool harmful(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },
		{ 0x7f, 0x9f },
		{ 0x00ad, 0x00ad },
		{ 0x061c, 0x061c },
		{ 0x200b, 0x200f },
		{ 0x2028, 0x202e },
		{ 0x2060, 0x206f },
		{ 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb },
		{ 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return (code & 0xfffe) == 0xfffe;
}

const char *alert_text_clean(char *out, size_t size, const char *text)
{
	const unsigned char *from = (const unsigned char *)(text != NULL ? text : "");
	size_t used = 0, cut = 0;

	if (size == 0)
		return out;

	while (*from != '\0') {
		uint32_t code = 0;
		size_t length = decode(from, &code);
		bool good = length != 0 && !harmful(code);
		size_t wanted = good ? length : 1;

		if (used + wanted >= size) {
			if (size > 3) {
				memcpy(out + cut, "...", 3);
				used = cut + 3;
			}
			break;
		}
		memcpy(out + used, good ? (const char *)from : "?", wanted);
		used += wanted;
		if (used + 3 < size)
			cut = used;
		from += length != 0 ? length : 1;
	}
	out[used] = '\0';
	return out;
}

const char *text_token(char *out, size_t size, const char *text)
{
	size_t used = 0;

	if (size == 0)
		return out;

	for (; text != NULL && *text != '\0' && used + 1 < size; text++) {
		if (*text > ' ' && *text < 0x7f && strchr("<>()[],;:\\\"", *text) == NULL)
			out[used++] = *text;
	}
	out[used] = '\0';
	return out;
}

bool text_is_address(const char *text)
{
	const char *at = text != NULL ? strchr(text, '@') : NULL;

	if (at == NULL || at == text || at[1] == '\0' || strlen(text) > ADDRESS_MAX)
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c <= ' ' || *c >= 0x7f || strchr("<>(),;\\\"", *c) != NULL)
			return false;
		/* an address literal, as in name@[192.0.2.1], may stand behind the @ alone */
		if (strchr("[]:", *c) != NULL && (c < at || at[1] != '['))
			return false;
	}
	return strchr(at + 1, '@') == NULL;
}

static bool plain_header(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f || (*c & 0x80) != 0)
			return false;
	}
	return strstr(text, "=?") == NULL;
}

/* Words of plain text, folded before the word that would go beyond the line. */
static void fold_words(FILE *out, const char *text, size_t column)
{
	bool first = true;

	while (*(text += strspn(text, " ")) != '\0') {
		size_t length = strcspn(text, " ");

		if (first) {
			first = false;
		} else if (column + 1 + length > LINE_FOLD) {
			fputs("\r\n ", out);
			column = 1;
		} else {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, length, out);
		column += length;
		text += length;
	}
}

/* Bytes as RFC 2047 section 4.2 has them ("Q"); returns the number of characters written. */
static size_t q_encode(char *out, const unsigned char *bytes, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned char byte = bytes[i];

		if (byte == ' ') {
			out[used++] = '_';
		} else if (byte > ' ' && byte <= '~' && byte != '=' && byte != '?' && byte != '_') {
			out[used++] = (char)byte;
		} else {
			out[used++] = '=';
			out[used++] = hex[byte >> 4];
			out[used++] = hex[byte & 15];
		}
	}
	return used;
}

/* Encoded words; no character is torn between two of them. */
static void encode_words(FILE *out, const char *text, size_t column)
{
	static const char begin[] = "=?UTF-8?Q?", end[] = "?=";
	const unsigned char *from = (const unsigned char *)text;

	fputs(begin, out);
	column += strlen(begin);
	while (*from != '\0') {
		uint32_t code = 0;
		size_t length = decode(from, &code);
		char encoded[12];
		size_t count = q_encode(encoded, from, length != 0 ? length : 1);

		if (column + count + strlen(end) > LINE_FOLD) {
			fprintf(out, "%s\r\n %s", end, begin);
			column = 1 + strlen(begin);
		}
		fwrite(encoded, 1, count, out);
		column += count;
		from += length != 0 ? length : 1;
	}
	fputs(end, out);
}

void text_header(FILE *out, const char *name, const char *text)
{
	size_t column = strlen(name) + 2;

	fprintf(out, "%s: ", name);
	if (plain_header(text))
		fold_words(out, text, column);
	else
		encode_words(out, text, column);
	fputs("\r\n", out);
}

static bool plain_body(const char *text)
{
	size_t column = 0;

	for (; *text != '\0'; text++) {
		if ((*text & 0x80) != 0)
			return false;
		column = *text == '\n' ? 0 : column + 1;
		if (column > LINE_PLAIN_MAX)
			return false;
	}
	return true;
}

static void write_plain(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputs(*text == '\n' ? "\r\n" : (const char[]){ *text, '\0' }, out);
}

/* RFC 2045 section 6.7; a space before the end of a line is encoded, for gateways cut it. */
static void write_quoted(FILE *out, const char *text)
{
	size_t column = 0;

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		bool last = text[1] == '\n' || text[1] == '\0';
		bool quote = byte > '~' || byte == '=' || byte < ' ' || (byte == ' ' && last);

		if (byte == '\n') {
			fputs("\r\n", out);
			column = 0;
			continue;
		}
		if (column + (quote ? 3 : 1) >= LINE_FOLD) {
			fputs("=\r\n", out);
			column = 0;
		}
		if (quote)
			fprintf(out, "=%c%c", hex[byte >> 4], hex[byte & 15]);
		else
			fputc(byte, out);
		column += quote ? 3 : 1;
	}
}

void text_body(FILE *out, const char *text)
{
	bool plain = plain_body(text);

	fprintf(out, "Content-Transfer-Encoding: %s\r\n\r\n", plain ? "7bit" : "quoted-printable");
	if (plain)
		write_plain(out, text);
	else
		write_quoted(out, text);
}
