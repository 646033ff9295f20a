/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The name servers of this machine, as resolv.conf(5) has them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/daemon.h"

#define SERVERS_FILE "/etc/resolv.conf"

static bool has_changed(struct daemon *daemon)
{
	struct stat status = { 0 };
	bool changed;

	if (stat(SERVERS_FILE, &status) < 0)
		status = (struct stat){ 0 };
	changed = status.st_mtim.tv_sec != daemon->servers.changed.tv_sec ||
		status.st_mtim.tv_nsec != daemon->servers.changed.tv_nsec || status.st_ino != daemon->servers.inode;
	daemon->servers.changed = status.st_mtim;
	daemon->servers.inode = status.st_ino;
	return changed;
}

/* "nameserver ADDRESS"; an IPv6 address may have a device behind a percent sign. */
static bool read_line(const char *line, struct network *server)
{
	struct address address;
	char text[ADDRESS_TEXT_MAX];

	if (sscanf(line, "nameserver %49[0-9a-fA-F.:]", text) != 1 || !address_parse(text, &address))
		return false;
	*server = network_around(&address, 128);
	return true;
}

void servers_read(struct daemon *daemon)
{
	struct servers *servers = &daemon->servers;
	char line[512];
	FILE *in;

	if (!has_changed(daemon))
		return;
	servers->count = 0;
	in = fopen(SERVERS_FILE, "re");
	while (in != NULL && servers->count < SERVERS_MAX && fgets(line, sizeof(line), in) != NULL)
		servers->count += read_line(line, &servers->items[servers->count]);
	if (in != NULL)
		fclose(in);
}
