/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a capture, as tcpdump writes it, into connections. */

#include "ctl/capture.h"

#include <string.h>

#include <pcap/pcap.h>

#include "core/frame.h"
#include "ctl/output.h"

#define OPEN_CONNECTIONS (1u << 18)

bool capture_is(FILE *file)
{
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a };
	uint32_t magic = 0;
	bool found = false;

	if (fread(&magic, sizeof(magic), 1, file) == 1) {
		for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
			found |= magic == magics[i];
	}
	rewind(file);
	return found;
}

static bool kind_of(int type, enum frame_kind *ret_kind)
{
	static const struct {
		int type;
		enum frame_kind kind;
	} kinds[] = {
		{ DLT_EN10MB, FRAME_ETHERNET }, { DLT_RAW, FRAME_IP }, { DLT_IPV4, FRAME_IP }, { DLT_IPV6, FRAME_IP },
		{ DLT_NULL, FRAME_LOOP }, { DLT_LOOP, FRAME_LOOP }, { DLT_LINUX_SLL, FRAME_COOKED },
		{ DLT_LINUX_SLL2, FRAME_COOKED2 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].type == type) {
			*ret_kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static void take_frame(struct assembler *assembler, enum frame_kind kind, const struct pcap_pkthdr *header,
	const uint8_t *bytes)
{
	double when = (double)header->ts.tv_sec + (double)header->ts.tv_usec / 1e9;
	int at = frame_packet(kind, bytes, header->caplen);

	if (at < 0)
		assemble_nothing(assembler);
	else
		assemble_packet(assembler, when, bytes + at, header->caplen - (size_t)at,
			(header->len > header->caplen ? header->len : header->caplen) - (size_t)at);
}

static bool read_frames(pcap_t *capture, const char *path, struct assembler *assembler)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	enum frame_kind kind;
	int result;

	if (!kind_of(pcap_datalink(capture), &kind)) {
		output_error("%s: frames of this kind (%s) cannot be read; capture on an Ethernet device, or on `any'", path,
			pcap_datalink_val_to_name(pcap_datalink(capture)) == NULL ? "?"
				: pcap_datalink_val_to_name(pcap_datalink(capture)));
		return false;
	}
	while ((result = pcap_next_ex(capture, &header, &bytes)) == 1)
		take_frame(assembler, kind, header, bytes);
	if (result == PCAP_ERROR)
		output_error("%s: %s: what came before is used", path, pcap_geterr(capture));
	assemble_rest(assembler);
	return true;
}

bool capture_read(FILE *file, const char *path, const struct networks *inside, assemble_function *ended, void *data,
	struct assembled *ret_counts)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *capture = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
	struct assembler *assembler;
	bool good;

	if (capture == NULL) {
		output_error("%s: %s", path, error);
		fclose(file);
		return false;
	}
	assembler = output_need(assembler_new(OPEN_CONNECTIONS, inside, ended, data));
	good = read_frames(capture, path, assembler);
	*ret_counts = *assembler_counts(assembler);
	assembler_free(assembler);
	pcap_close(capture);
	return good;
}
