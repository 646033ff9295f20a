/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes a place in the file system for the control socket, from a dead daemon but never from a
 * living one. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/control_internal.h"

#define GROUP_NAME    "uplinkd"
#define LOCK_TRIES    100
#define LOCK_PAUSE_US 10000

static int fill_address(struct sockaddr_un *address, const char *path)
{
	size_t length = strlen(path);

	if (length == 0)
		return -EINVAL;
	if (length >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, length);
	return 0;
}

/* The group that may talk to the daemon, or -1, which chown(2) leaves as it is. */
static gid_t control_group(void)
{
	struct group group, *found = NULL;
	char buffer[16384];

	if (getgrnam_r(GROUP_NAME, &group, buffer, sizeof(buffer), &found) != 0 || found == NULL)
		return (gid_t)-1;
	return found->gr_gid;
}

/* Makes the folder of the socket, for the group alone, and what is missing above it. folder comes
 * back whole. */
static int make_folder(char *folder)
{
	for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int made;

		*slash = '\0';
		made = mkdir(folder, 0755);
		*slash = '/';
		if (made < 0 && errno != EEXIST)
			return -errno;
	}
	if (mkdir(folder, 0750) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* Without the group only root and our own user come in: safe, so not an error. */
	if (chown(folder, (uid_t)-1, control_group()) < 0)
		return errno == EPERM ? 0 : -errno;
	return 0;
}

/* Two daemons that start at once must not both find the socket dead: one folder, one at a time. */
static int lock_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;
	int error, fd;

	strcpy(folder, path); /* fits: fill_address() has measured it */
	slash = strrchr(folder, '/');
	if (slash == NULL)
		strcpy(folder, ".");
	else
		slash[slash == folder] = '\0';
	error = make_folder(folder);
	if (error < 0)
		return error;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int try = 0; try < LOCK_TRIES; try++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		usleep(LOCK_PAUSE_US);
	}
	close(fd);
	return -EBUSY;
}

/* 0 where nobody answers; a full backlog (EAGAIN) belongs to somebody who lives. */
static int probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	if (error == 0 || error == EAGAIN)
		return -EADDRINUSE;
	return error == ECONNREFUSED || error == ENOENT ? 0 : -error;
}

static int remove_dead(const struct sockaddr_un *address)
{
	struct stat found;
	int error;

	if (lstat(address->sun_path, &found) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(found.st_mode))
		return -ENOTSOCK;
	error = probe(address);
	if (error < 0)
		return error;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Nobody can connect before listen(), so nobody comes in before mode and group are right. */
static int open_door(int fd, const struct sockaddr_un *address)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if (chown(address->sun_path, (uid_t)-1, control_group()) < 0 && errno != EPERM)
		return -errno;
	if (chmod(address->sun_path, 0660) < 0)
		return -errno;
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

static int bind_place(struct control_place *place, const struct sockaddr_un *address)
{
	struct stat made;
	int error = remove_dead(address);

	if (error < 0)
		return error;
	place->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (place->fd < 0)
		return -errno;
	error = open_door(place->fd, address);
	if (error < 0)
		goto fail;
	if (lstat(address->sun_path, &made) < 0) {
		error = -errno;
		goto fail;
	}
	place->device = made.st_dev;
	place->inode = made.st_ino;
	return 0;

fail:
	close(place->fd);
	place->fd = -1;
	return error;
}

int control_place_take(struct control_place *place, const char *path)
{
	struct sockaddr_un address;
	int error = fill_address(&address, path);
	int lock;

	*place = (struct control_place){ .fd = -1 };
	if (error < 0)
		return error;
	place->path = strdup(path);
	if (place->path == NULL)
		return -ENOMEM;
	lock = lock_folder(path);
	if (lock < 0) {
		error = lock;
	} else {
		error = bind_place(place, &address);
		close(lock);
	}
	if (error < 0)
		control_place_leave(place);
	return error;
}

/* Another daemon may have put its own socket there since; that one stays. */
void control_place_leave(struct control_place *place)
{
	struct stat found;

	if (place->fd >= 0) {
		if (lstat(place->path, &found) == 0 && found.st_dev == place->device &&
			found.st_ino == place->inode)
			unlink(place->path);
		close(place->fd);
	}
	free(place->path);
	*place = (struct control_place){ .fd = -1 };
}
