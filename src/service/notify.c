/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the service manager how we are: the sd_notify protocol without its library. */

#include "service/notify.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or "@name" in the abstract namespace. Length of the address, 0 where it is neither. */
static socklen_t manager_address(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (length < 2 || length >= sizeof(address->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	memcpy(address->sun_path, path, length);
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void notify_send(const char *state)
{
	struct timeval patience = { .tv_sec = 1 }; /* a manager that hangs does not hang us */
	struct sockaddr_un address;
	socklen_t length = manager_address(&address);
	int fd;

	if (length == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
	close(fd);
}

/* False where the variable is missing or is not a plain number. */
static bool number_from(const char *variable, uint64_t *ret_number)
{
	const char *text = getenv(variable);
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

unsigned int notify_watchdog_ms(void)
{
	uint64_t interval_us, process;

	if (!number_from("WATCHDOG_USEC", &interval_us) || interval_us == 0)
		return 0;
	if (getenv("WATCHDOG_PID") &&
		(!number_from("WATCHDOG_PID", &process) || process != (uint64_t)getpid()))
		return 0;
	if (interval_us / 2000 > UINT_MAX)
		return UINT_MAX;
	return interval_us < 2000 ? 1 : (unsigned int)(interval_us / 2000);
}
