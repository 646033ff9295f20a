/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An imagined connection in the words of who asks about it. */

#include "core/question.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/packet_names.h"
#include "core/protocol.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool question_refuse(struct question_problem *problem, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	snprintf(problem->hint, sizeof(problem->hint), "%s", hint);
	return false;
}

/* Digits alone, up to most; *end is set behind them. */
static bool read_digits(const char *text, unsigned long most, unsigned long *ret_number, const char **ret_end)
{
	unsigned long number = 0;
	const char *digit = text;

	while (*digit >= '0' && *digit <= '9' && number <= most)
		number = 10 * number + (unsigned long)(*digit++ - '0');
	*ret_number = number;
	*ret_end = digit;
	return digit > text && number <= most;
}

static bool read_number(const char *text, unsigned long most, unsigned long *ret_number)
{
	const char *end;

	return read_digits(text, most, ret_number, &end) && *end == '\0';
}

static bool read_end(const char *what, const char *text, struct address *address, bool *ret_router,
	struct question_problem *problem)
{
	*ret_router = text != NULL && strcmp(text, "router") == 0;
	if (*ret_router || (text != NULL && address_parse(text, address)))
		return true;
	if (text == NULL)
		return question_refuse(problem, "write an address, or `router' for this machine", "%s is missing", what);
	return question_refuse(problem, "write an address such as 10.0.0.5 or 2001:db8::5, or `router' for this machine",
		"%s: `%.60s' is no address", what, text);
}

static bool read_ends(const struct question *question, struct asked *asked, struct question_problem *problem)
{
	struct flow *flow = &asked->flow;

	if (!read_end("from", question->from, &flow->from, &asked->from_router, problem)
	    || !read_end("to", question->to, &flow->to, &asked->to_router, problem))
		return false;
	if (asked->from_router && asked->to_router)
		return question_refuse(problem, "name the other end by its address", "from and to are both this machine");
	if (!asked->from_router && !asked->to_router && flow->from.family != flow->to.family)
		return question_refuse(problem, "write two addresses of IPv4, or two of IPv6", "from and to are of different families");
	flow->family = asked->from_router ? flow->to.family : flow->from.family;
	flow->from.family = flow->to.family = flow->family;
	return true;
}

static bool read_protocol(const char *text, struct flow *flow, struct question_problem *problem)
{
	static const char hint[] = "write a name such as tcp, udp or icmp, or a number from 0 to 255";
	unsigned long number = 0;

	if (text == NULL)
		return question_refuse(problem, hint, "protocol is missing");
	if (!protocol_number(text, &flow->protocol)) {
		if (!read_number(text, 255, &number))
			return question_refuse(problem, hint, "protocol: `%.60s' is not known", text);
		flow->protocol = (uint8_t)number;
	}
	/* People say icmp for both. */
	if (flow->protocol == IPPROTO_ICMP && flow->family == IPV6)
		flow->protocol = IPPROTO_ICMPV6;
	flow->ports = protocol_has_ports(flow->protocol);
	return true;
}

static bool read_port(const char *what, const char *text, const struct flow *flow, uint16_t *ret_port,
	struct question_problem *problem)
{
	unsigned long number = 0;

	if (text == NULL)
		return true;
	if (!flow->ports)
		return question_refuse(problem, "leave it out, or ask about tcp or udp", "%s: this protocol has no ports", what);
	if (!read_number(text, 65535, &number))
		return question_refuse(problem, "write a number from 0 to 65535", "%s: `%.60s' is no port", what, text);
	*ret_port = (uint16_t)number;
	return true;
}

static bool read_icmp(const char *text, struct flow *flow, struct question_problem *problem)
{
	bool icmp = flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6;
	struct icmp_type type;

	if (!icmp)
		return text == NULL || question_refuse(problem, "leave it out, or ask about protocol icmp",
			"icmp-type: the protocol is not ICMP");
	if (!icmp_type_parse(text == NULL ? "echo-request" : text, flow->protocol, &type))
		return question_refuse(problem, "write a name such as echo-request, a number, or type/code such as 3/1",
			"icmp-type: `%.60s' is not known", text);
	flow->from_port = (uint16_t)(type.type << 8 | (type.any_code ? 0 : type.code));
	return true;
}

static bool read_dscp(const char *text, struct flow *flow, struct question_problem *problem)
{
	if (text != NULL && !dscp_parse(text, &flow->dscp))
		return question_refuse(problem, "write a number from 0 to 63, or a name such as ef, af41 or cs1",
			"dscp: `%.60s' is not known", text);
	return true;
}

/* "22:30" as minute of the day. */
static bool read_clock(const char *text, unsigned int *ret_minute)
{
	unsigned long hour, minute;
	const char *end;

	if (!read_digits(text, 23, &hour, &end) || *end != ':' || strlen(end + 1) != 2
	    || !read_number(end + 1, 59, &minute))
		return false;
	*ret_minute = (unsigned int)(60 * hour + minute);
	return true;
}

/* 0: Monday. Days since 1970-01-01 after Hinnant, "chrono-compatible low-level date algorithms" (2013). */
static unsigned int day_of_week(unsigned long year, unsigned long month, unsigned long day)
{
	unsigned long from_march = year - (month <= 2), era = from_march / 400, of_era = from_march - era * 400;
	unsigned long of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned long days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;

	/* Day 0 of this count, 0000-03-01, was a Wednesday. */
	return (unsigned int)((days + 2) % 7);
}

static bool read_date(const char *text, unsigned int *ret_day, const char **ret_end)
{
	static const uint8_t lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned long year, month, day;
	const char *end;
	bool leap;

	if (!read_digits(text, 9999, &year, &end) || year < 1970 || *end != '-' || !read_digits(end + 1, 12, &month, &end)
	    || month == 0 || *end != '-' || !read_digits(end + 1, lengths[month - 1], &day, &end) || day == 0)
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (month == 2 && day == 29 && !leap)
		return false;
	*ret_day = day_of_week(year, month, day);
	*ret_end = end;
	return *end == 'T' || *end == ' ';
}

bool question_minute(const char *text, uint16_t *ret_minute)
{
	static const char days[][4] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
	const char *end = text;
	unsigned int day = 0, minute;

	while (day < COUNT(days) && strncmp(text, days[day], 3) != 0)
		day++;
	if (day < COUNT(days))
		end = text + 3;
	else if (!read_date(text, &day, &end))
		return false;
	if ((*end != ' ' && *end != 'T') || !read_clock(end + 1, &minute))
		return false;
	*ret_minute = (uint16_t)(day * 24 * 60 + minute);
	return true;
}

static bool read_time(const char *text, struct asked *asked, struct question_problem *problem)
{
	asked->timed = text != NULL;
	return text == NULL || question_minute(text, &asked->minute)
	       || question_refuse(problem, "write `mon 22:30' or `2026-11-23T22:30', in local time", "at: `%.60s' is no time", text);
}

bool question_read(const struct question *question, struct asked *ret_asked, struct question_problem *problem)
{
	struct flow *flow = &ret_asked->flow;

	*ret_asked = (struct asked){ .timed = false };
	*problem = (struct question_problem){ .text = "" };
	return read_ends(question, ret_asked, problem) && read_protocol(question->protocol, flow, problem)
	       && read_port("to-port", question->to_port, flow, &flow->to_port, problem)
	       && read_port("from-port", question->from_port, flow, &flow->from_port, problem)
	       && read_icmp(question->icmp_type, flow, problem) && read_dscp(question->dscp, flow, problem)
	       && read_time(question->at, ret_asked, problem);
}
