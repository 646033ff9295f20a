/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes this process, and what it starts, leave by one link. A program of four instructions, which the kernel runs for
 * each socket that is made in a control group, writes the mark: nobody in the group can forget it, and the way is
 * chosen, with the right source, from the start. No process can remove the group that it is in: a small one outside waits
 * until it is empty. What that one could not remove goes with the next `use'.
 */

#include "ctl/by_link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>

#define GROUP_PREFIX "uplinkd-use."

#define GROUPS_OF_ONE_MAX 100

/* The kernel was seen to keep to itself that a group is empty. */
#define LOOK_MS 500

static int fail(char *problem, size_t size, int error, const char *format, ...)
{
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	vsnprintf(problem, size, format, arguments);
	va_end(arguments);
	length = strlen(problem);
	snprintf(problem + length, size - length, ": %s%s", strerror(error),
		error == EPERM || error == EACCES ? "; it takes root" : "");
	return -error;
}

/* The path of our group, without the first slash: from the root of our namespace on. */
static bool own_group(char *path, size_t size)
{
	FILE *in = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	bool found = false;

	while (in != NULL && !found && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "0::/", 4) == 0;
	}
	if (in != NULL)
		fclose(in);
	snprintf(path, size, "./%s", found ? line + 4 : "");
	return found;
}

/* Groups in each other would run the outer one's program last. */
static void leave_ours(char *path)
{
	char *ours = strstr(path, "/" GROUP_PREFIX);

	if (ours != NULL)
		ours[1] = '\0';
}

/* A mount that nobody else sees: wherever the machine has its own, and where it has none. */
static int mount_groups(void)
{
	int context = fsopen("cgroup2", FSOPEN_CLOEXEC), result;

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		result = -errno;
	} else {
		result = fsmount(context, FSMOUNT_CLOEXEC, 0);
		if (result < 0)
			result = -errno;
	}
	close(context);
	return result;
}

/* The group that we are in, or the one around it where it is one of ours: a descriptor or -errno. */
static int open_parent(void)
{
	char group[PATH_MAX];
	int root, result;

	if (!own_group(group, sizeof(group)))
		return -ENOENT;
	leave_ours(group);
	root = mount_groups();
	if (root < 0)
		return root;
	result = openat(root, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (result < 0)
		result = -errno;
	close(root);
	return result;
}

/* Groups of commands that have ended. One that still has processes does not go. */
static void sweep(int parent)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		const char *number = entry->d_name + strlen(GROUP_PREFIX);

		if (strncmp(entry->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)) != 0)
			continue;
		if (kill((pid_t)strtol(number, NULL, 10), 0) < 0 && errno == ESRCH)
			unlinkat(parent, entry->d_name, AT_REMOVEDIR);
	}
	if (folder != NULL)
		closedir(folder);
}

/* Returns a descriptor or -errno. Who was started by `use' himself, and not as a child, has a group of his number already. */
static int make_group(int parent, char *name, size_t size)
{
	int group, error = EEXIST;

	sweep(parent);
	for (int i = 0; error == EEXIST && i < GROUPS_OF_ONE_MAX; i++) {
		snprintf(name, size, GROUP_PREFIX "%d.%d", (int)getpid(), i);
		error = mkdirat(parent, name, 0755) < 0 ? errno : 0;
	}
	if (error != 0)
		return -error;
	group = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return group < 0 ? -errno : group;
}

static int call_bpf(int command, union bpf_attr *attributes)
{
	int result = (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));

	return result < 0 ? -errno : result;
}

/* Returns a descriptor or -errno. */
static int load_program(uint32_t mark)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = (int32_t)mark },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2,
			.off = offsetof(struct bpf_sock, mark) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 }, /* it may be made */
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attributes = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK,
		.insn_cnt = sizeof(program) / sizeof(*program),
		.insns = (uintptr_t)program,
		.license = (uintptr_t)"GPL",
		.prog_name = "uplinkd_use",
		.expected_attach_type = BPF_CGROUP_INET_SOCK_CREATE,
	};

	return call_bpf(BPF_PROG_LOAD, &attributes);
}

static int attach(int group, uint32_t mark)
{
	union bpf_attr attributes = { .attach_type = BPF_CGROUP_INET_SOCK_CREATE, .attach_flags = BPF_F_ALLOW_MULTI };
	int program = load_program(mark), result;

	if (program < 0)
		return program;
	attributes.target_fd = (uint32_t)group;
	attributes.attach_bpf_fd = (uint32_t)program;
	result = call_bpf(BPF_PROG_ATTACH, &attributes);
	close(program);
	return result;
}

static int join(int group)
{
	int fd = openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC), result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) < 0)
		result = -errno;
	close(fd);
	return result;
}

static bool has_processes(int events)
{
	char text[256] = "";

	if (pread(events, text, sizeof(text) - 1, 0) <= 0)
		return false;
	return strstr(text, "populated 1") != NULL;
}

/* Holds nothing of the command's open, and is nobody's child. Begins when the pipe says so. */
static void keep_watch(int parent, int group, int begin, const char *name)
{
	struct pollfd events = { .fd = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC), .events = POLLPRI };
	char byte;

	setsid();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (read(begin, &byte, 1) < 1)
		return;
	while (has_processes(events.fd))
		poll(&events, 1, LOOK_MS);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Who removes the group when it is empty; returns what is written to when we are in it, or -errno. */
static int start_watch(int parent, int group, const char *name)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		if (fork() == 0)
			keep_watch(parent, group, ends[0], name);
		_exit(0);
	}
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return ends[1];
}

static int enter(int parent, uint32_t mark, char *problem, size_t size)
{
	char name[sizeof(GROUP_PREFIX) + 16];
	int group, watch, error;

	group = make_group(parent, name, sizeof(name));
	if (group < 0)
		return fail(problem, size, -group, "no control group can be made");
	watch = start_watch(parent, group, name);
	error = attach(group, mark);
	if (error < 0)
		fail(problem, size, -error, "the kernel takes no program for sockets (CONFIG_CGROUP_BPF)");
	else if ((error = join(group)) < 0)
		fail(problem, size, -error, "the control group cannot be entered");
	if (error < 0)
		unlinkat(parent, name, AT_REMOVEDIR);
	else if (watch >= 0 && write(watch, "", 1) < 0)
		error = fail(problem, size, errno, "nobody watches the control group");
	if (watch >= 0)
		close(watch);
	close(group);
	return error;
}

int by_link_enter(uint32_t mark, char *problem, size_t size)
{
	int parent = open_parent(), error;

	if (parent < 0)
		return fail(problem, size, -parent, "control groups (cgroup v2), which tell the command's sockets from others, "
			"are not to be had");
	error = enter(parent, mark, problem, size);
	close(parent);
	return error;
}
