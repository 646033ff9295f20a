/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over every file of the folders given: the corpus as a plain test. */

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly the file's size, so that a sanitizer sees each byte that is read behind it. */
static int run_bytes(FILE *file, size_t size)
{
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	int result = -EIO;

	if (bytes == NULL)
		return -ENOMEM;
	if (fread(bytes, 1, size, file) == size) {
		LLVMFuzzerTestOneInput(bytes, size);
		result = 0;
	}
	free(bytes);
	return result;
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	int result;

	if (file == NULL)
		return -errno;
	result = fstat(fileno(file), &status) < 0 ? -errno : run_bytes(file, (size_t)status.st_size);
	fclose(file);
	return result;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The path is told first: a crash then says whose it is. */
static bool run_entry(const char *folder, const char *name)
{
	char path[4096];
	int result;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	printf("%s\n", path);
	fflush(stdout);
	result = run_file(path);
	if (result < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(-result));
	return result == 0;
}

static bool run_folder(const char *folder)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_visible, alphasort);
	bool fine = count > 0;

	if (count < 0)
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
	if (count == 0)
		fprintf(stderr, "%s: no file in it\n", folder);
	for (int i = 0; i < count; i++) {
		fine = run_entry(folder, entries[i]->d_name) && fine;
		free(entries[i]);
	}
	free(entries);
	if (fine)
		printf("%s: %d files\n", folder, count);
	return fine;
}

int main(int argc, char **argv)
{
	bool fine = true;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		fine = run_folder(argv[i]) && fine;
	return fine ? 0 : 1;
}
