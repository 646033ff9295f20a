/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What no single key of alerts.mail can know: who gets mails at all, the password's owner, what templates hold. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/forms.h"
#include "config/set_file.h"
#include "core/template.h"

/* A path in the file begins where the file is. */
static void resolve(struct loader *loader, struct mail_settings *mail)
{
	if (mail->templates == NULL || mail->templates[0] == '/' || loader->folder == NULL)
		return;
	mail->templates = arena_printf(loader->config->arena, "%s/%s", loader->folder, mail->templates);
	loader->problems.no_memory |= mail->templates == NULL;
}

static struct position place_in(const struct source *source, const char *text)
{
	struct position at = { source, 1, 1 };

	for (const char *c = source->text; c < text; c++) {
		at.line += *c == '\n';
		at.column = *c == '\n' ? 1 : at.column + 1;
	}
	return at;
}

static void check_piece(struct problems *problems, const struct source *source, const struct template_piece *piece)
{
	char text[64], known[512] = "";
	struct nearest nearest;

	if (piece->kind == TEMPLATE_UNCLOSED) {
		problem_add(problems, place_in(source, piece->text - 2), "a placeholder without its end");
		problem_hint(problems, "write `${link}', or `$$' for a dollar sign");
		return;
	}
	snprintf(text, sizeof(text), "%.*s", piece->length < 40 ? (int)piece->length : 40, piece->text);
	nearest = nearest_to(text);
	for (enum template_word word = 0; word < TEMPLATE_WORDS; word++) {
		size_t length = strlen(known);

		nearest_try(&nearest, template_word_name(word));
		snprintf(known + length, sizeof(known) - length, "%s%s", word == 0 ? "" : ", ", template_word_name(word));
	}
	problem_add(problems, place_in(source, piece->text - 2), "there is no placeholder `${%s}'", text);
	if (!problem_hint_near(problems, &nearest))
		problem_hint(problems, "the placeholders are %s", known);
}

/* What would be cut out of a mail is not meant. */
static void check_bytes(struct problems *problems, const struct source *source)
{
	for (size_t at = 0, step; at < source->length; at += step) {
		bool printable;

		step = text_step(source->text + at, source->length - at, &printable);
		if (printable || source->text[at] == '\n' || source->text[at] == '\t')
			continue;
		problem_add(problems, place_in(source, source->text + at), source->text[at] == '\r' ?
			"a line of a template ends with a line feed alone" : "a byte that is no printable UTF-8");
		problem_hint(problems, "save the file as plain text in UTF-8, with line ends as Unix has them");
		return;
	}
}

static void check_text(struct problems *problems, const struct source *source)
{
	const char *at = source->text;
	struct template_piece piece;

	check_bytes(problems, source);
	if (source->text[strcspn(source->text, "\n")] == '\0' || source->text[0] == '\n') {
		problem_add(problems, (struct position){ source, 1, 1 }, "a template has a subject and a text");
		problem_hint(problems, "write the subject in the first line, and the text below");
	}
	while (template_next(&at, &piece)) {
		if (piece.kind == TEMPLATE_UNKNOWN || piece.kind == TEMPLATE_UNCLOSED)
			check_piece(problems, source, &piece);
	}
}

/* NULL with errno set. */
static char *read_template(int folder, const char *name, size_t *ret_length)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW), error;
	struct stat status;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	errno = EINVAL;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		text = read_all(fd, TEMPLATE_BYTES_MAX, ret_length);
	error = errno;
	close(fd);
	errno = error;
	return text;
}

static void check_template(struct loader *loader, int folder, enum notice notice, struct position at)
{
	struct source source = { .order = (unsigned int)(loader->document_count + CONFIG_SETS_MAX + notice) };
	char name[32], *text;

	snprintf(name, sizeof(name), "%s.txt", notice_name(notice));
	text = read_template(folder, name, &source.length);
	source.name = arena_printf(loader->scratch, "%s/%s", loader->config->mail.templates, name);
	if (text == NULL && errno != ENOENT) {
		problem_add(&loader->problems, at, "`%s' cannot be read: %s", source.name, strerror(errno));
		problem_hint(&loader->problems, "a template is a plain file of 64 KB at most; without one the built-in text is used");
	} else if (text != NULL && source.name != NULL) {
		source.text = text;
		check_text(&loader->problems, &source);
	}
	free(text);
}

static bool is_template(const char *name)
{
	char known[32];

	for (enum notice notice = 0; notice < NOTICES; notice++) {
		snprintf(known, sizeof(known), "%s.txt", notice_name(notice));
		if (strcmp(name, known) == 0)
			return true;
	}
	return false;
}

/* Its name is no kind of mail: it would never be used. */
static void warn_stray(struct loader *loader, int folder, struct position at)
{
	int fd = loader->warn ? dup(folder) : -1;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length < 4 || strcmp(entry->d_name + length - 4, ".txt") != 0 || is_template(entry->d_name))
			continue;
		problem_warn(&loader->problems, at, "`%.60s' in `templates' is of no kind of mail", entry->d_name);
		problem_hint(&loader->problems, "name it down.txt, up.txt, degraded.txt, recovered.txt, flapping.txt, reminder.txt, "
			"quota.txt, attack.txt, daemon.txt, summary.txt or test.txt");
	}
	if (directory != NULL)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
}

static void check_templates(struct loader *loader, const struct node *map)
{
	const struct node *node = node_get(map, "templates");
	const char *path = loader->config->mail.templates;
	int folder;

	if (node == NULL || path == NULL || loader->folder == NULL)
		return;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0) {
		problem_add(&loader->problems, node->at, "`%s' cannot be read: %s", path, strerror(errno));
		problem_hint(&loader->problems, "make the folder, and put templates into it as down.txt or up.txt");
		return;
	}
	for (enum notice notice = 0; notice < NOTICES; notice++)
		check_template(loader, folder, notice, node->at);
	warn_stray(loader, folder, node->at);
	close(folder);
}

static void check_recipients(struct loader *loader, const struct node *map)
{
	const struct mail_settings *mail = &loader->config->mail;
	size_t count = mail->to.count;

	for (size_t i = 0; i < mail->other_count; i++)
		count += mail->others[i].to.count;
	if (node_get(map, "to") == NULL && node_get(map, "recipients") == NULL) {
		problem_add(&loader->problems, map->at, "nobody gets the mails: there is neither `to' nor `recipients'");
		problem_hint(&loader->problems, "`to': the addresses that mails go to");
	}
	if (count > MAIL_RECIPIENTS_MAX) {
		problem_add(&loader->problems, map->at, "mails go to %zu addresses, more than %d", count, MAIL_RECIPIENTS_MAX);
		problem_hint(&loader->problems, "let the mail server have a list, and name that");
	}
}

void check_mail(struct loader *loader)
{
	const struct node *root = loader->documents[0].root, *map = node_get(node_get(root, "alerts"), "mail");
	const struct node *user = node_key(map, "user"), *password = node_key(map, "password-file");

	if (password != NULL && user == NULL) {
		problem_add(&loader->problems, password->at, "`password-file' without `user'");
		problem_hint(&loader->problems, "add the `user' that the password belongs to");
	}
	if (user != NULL && password == NULL) {
		problem_add(&loader->problems, user->at, "`user' without `password-file'");
		problem_hint(&loader->problems, "add the file that has the password, or take `user' out");
	}
	if (map == NULL || map->kind != NODE_MAP)
		return;
	check_recipients(loader, map);
	resolve(loader, &loader->config->mail);
	check_templates(loader, map);
}
