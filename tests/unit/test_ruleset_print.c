/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that a ruleset reads as nft would list it, every kind of statement in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/ruleset.h"
#include "sample_ruleset.h"

static const char expected[] =
	"table inet uplinkd-test {\n"
	"\tcounter sample {\n"
	"\t}\n"
	"\n"
	"\tset offices {\n"
	"\t\ttype ipv4_addr\n"
	"\t\tflags interval\n"
	"\t\telements = { 10.1.0.0/16, 192.0.2.1/32 }\n"
	"\t}\n"
	"\n"
	"\tset offices6 {\n"
	"\t\ttype ipv6_addr\n"
	"\t\tflags interval\n"
	"\t}\n"
	"\n"
	"\tset doors {\n"
	"\t\ttype ifname\n"
	"\t\telements = { \"wan1\", \"wan2\" }\n"
	"\t}\n"
	"\n"
	"\tset with-ports {\n"
	"\t\ttype inet_proto\n"
	"\t\telements = { tcp, udp }\n"
	"\t}\n"
	"\n"
	"\tset services {\n"
	"\t\ttype inet_service\n"
	"\t\tflags interval\n"
	"\t\telements = { 53, 1024-65535 }\n"
	"\t}\n"
	"\n"
	"\tset flows {\n"
	"\t\ttype ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service\n"
	"\t\tsize 1024\n"
	"\t\tflags dynamic,timeout\n"
	"\t\ttimeout 60s\n"
	"\t}\n"
	"\n"
	"\tset sites {\n"
	"\t\ttype ipv6_addr\n"
	"\t\tsize 65536\n"
	"\t\tflags dynamic,timeout\n"
	"\t}\n"
	"\n"
	"\tset pairs {\n"
	"\t\ttype ipv6_addr . ipv6_addr . iface_index\n"
	"\t\tsize 8\n"
	"\t\tflags dynamic,timeout\n"
	"\t}\n"
	"\n"
	"\tset rates {\n"
	"\t\ttype ipv4_addr\n"
	"\t\tsize 100\n"
	"\t\tflags dynamic,timeout\n"
	"\t\ttimeout 1500ms\n"
	"\t}\n"
	"\n"
	"\tset counts {\n"
	"\t\ttype ipv4_addr\n"
	"\t\tsize 100\n"
	"\t\tflags dynamic\n"
	"\t}\n"
	"\n"
	"\tset carried {\n"
	"\t\ttype mark\n"
	"\t\tsize 100\n"
	"\t\tflags dynamic,timeout\n"
	"\t\ttimeout 60s\n"
	"\t\tcounter\n"
	"\t}\n"
	"\n"
	"\tmap policies {\n"
	"\t\ttype mark : verdict\n"
	"\t\telements = { 0x00000800 : jump first, 0x00001000 : jump second }\n"
	"\t}\n"
	"\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority -150; policy accept;\n"
	"\t\tmeta nfproto ipv4 counter comment \"family\"\n"
	"\t\tmeta nfproto != ipv4 counter comment \"not family\"\n"
	"\t\tiifname \"wan1\" counter comment \"one device\"\n"
	"\t\tiifname != { \"wan1\", \"wan2\" } counter comment \"devices\"\n"
	"\t\tmeta l4proto tcp counter comment \"protocol\"\n"
	"\t\tmeta l4proto != { icmp, ipv6-icmp, sctp, 253 } counter comment \"protocols\"\n"
	"\t\tmeta nfproto ipv4 ip saddr 172.16.0.0/12 counter comment \"source\"\n"
	"\t\tmeta nfproto ipv4 ip saddr { 10.0.0.0/16, 10.1.0.0/16, 192.0.2.1/32, 255.255.255.0/24 } counter comment \"sources, two of them side by side, one at the end\"\n"
	"\t\tmeta nfproto ipv6 ip6 daddr != fe80::/10 counter comment \"not destination\"\n"
	"\t\tmeta nfproto ipv6 ip6 daddr { 2001:db8::/128, fd00::/8, ff00::/8 } counter comment \"destinations\"\n"
	"\t\tmeta l4proto { tcp, udp } th sport 53 counter comment \"from port\"\n"
	"\t\tmeta l4proto { tcp, udp } th dport != 53-60 counter comment \"not to ports\"\n"
	"\t\tmeta l4proto { tcp, udp } th dport { 80, 5060-5061, 65000-65535 } counter comment \"to port ranges\"\n"
	"\t\ticmpv6 type { 135, 136 } counter comment \"neighbours\"\n"
	"\t\ttcp flags syn / fin,syn,rst,ack counter comment \"clean SYN\"\n"
	"\t\ttcp flags != syn / fin,syn,rst,ack counter comment \"no clean SYN\"\n"
	"\t\tct state established,related counter comment \"states\"\n"
	"\t\tct state ! new counter comment \"not new\"\n"
	"\t\tmeta mark & 0x0000003f == 0x00000001 counter comment \"mark\"\n"
	"\t\tmeta mark != 0x00000001 counter comment \"whole mark\"\n"
	"\t\tct mark & 0x00fff800 != { 0x00000800, 0x00001000 } counter comment \"connection marks\"\n"
	"\t\tfib daddr type local counter comment \"kind\"\n"
	"\t\tfib daddr type { broadcast, multicast } counter comment \"kinds\"\n"
	"\t\tfib daddr oifname != { \"wan1\", \"wan2\" } counter comment \"routed out\"\n"
	"\t\tfib daddr oifname \"wan1\" counter comment \"routed out of one\"\n"
	"\t\tfib daddr . mark oif exists counter comment \"routed\"\n"
	"\t\tfib daddr . mark oif missing counter name sample comment \"not routed\"\n"
	"\t}\n"
	"\n"
	"\tchain prerouting-later {\n"
	"\t\ttype filter hook prerouting priority -149; policy accept;\n"
	"\t\tiifname \"\" counter comment \"no device\"\n"
	"\t\tmeta mark set meta mark & 0xff000000 | 0x00000801 comment \"set\"\n"
	"\t\tmeta mark set 0x00000801 comment \"set whole\"\n"
	"\t\tmeta mark set meta mark & 0xff000000 | ct mark & 0x00ffffff comment \"restore\"\n"
	"\t\tmeta mark set meta mark & 0x000000ff | ct mark & 0xffffff00 comment \"restore shifted\"\n"
	"\t\tct mark set ct mark & 0xf000000f | meta mark & 0x0ffffff0 comment \"save\"\n"
	"\t\tct mark set ct mark & 0x00000000 | meta mark & 0xffffffff comment \"save whole\"\n"
	"\t\tmeta nfproto ipv4 accept comment \"accept\"\n"
	"\t\tmeta nfproto ipv4 drop comment \"drop\"\n"
	"\t\tmeta nfproto ipv4 return comment \"return\"\n"
	"\t\tjump first comment \"jump\"\n"
	"\t\tmeta l4proto tcp reject with tcp reset comment \"reset\"\n"
	"\t\tmeta nfproto ipv6 reject with icmpx admin-prohibited comment \"prohibit\"\n"
	"\t\tmeta nfproto ipv4 numgen inc mod 10 vmap { 0-6 : goto first, 7-9 : goto second } comment \"in turn\"\n"
	"\t\tmeta nfproto ipv4 numgen random mod 10 vmap { 0-6 : goto first, 7-9 : goto second } comment \"random\"\n"
	"\t\tmeta nfproto ipv4 jhash ip saddr mod 10 seed 0xdeadbeef vmap { 0-6 : goto first, 7-9 : goto second } comment \"by source\"\n"
	"\t\tmeta nfproto ipv6 jhash ip6 daddr mod 10 seed 0xdeadbeef vmap { 0-6 : goto first, 7-9 : goto second } comment \"by destination\"\n"
	"\t\tmeta nfproto ipv6 jhash ip6 saddr . ip6 daddr mod 10 seed 0xdeadbeef vmap { 0-6 : goto first, 7-9 : goto second } comment \"by both\"\n"
	"\t\tmeta nfproto ipv4 queue flags bypass to 9 comment \"one queue\"\n"
	"\t\tqueue flags bypass to 10-13 comment \"queues\"\n"
	"\t\tgoto second comment \"to the end\"\n"
	"\t}\n"
	"\n"
	"\tchain output {\n"
	"\t\ttype route hook output priority -150; policy accept;\n"
	"\t}\n"
	"\n"
	"\tchain postrouting {\n"
	"\t\ttype nat hook postrouting priority 100; policy accept;\n"
	"\t\tmeta nfproto ipv4 oifname \"wan1\" snat ip to 192.0.2.1 comment \"own address\"\n"
	"\t\tmeta nfproto ipv6 snat ip6 to 2001:db8::1 comment \"own address, IPv6\"\n"
	"\t\toifname { \"wan1\", \"wan2\" } masquerade comment \"masquerade ?wan2?\"\n"
	"\t}\n"
	"\n"
	"\tchain first {\n"
	"\t}\n"
	"\n"
	"\tchain second {\n"
	"\t}\n"
	"\n"
	"\tchain input {\n"
	"\t\ttype filter hook input priority -10; policy accept;\n"
	"\t\tfib saddr type local counter comment \"source kind\"\n"
	"\t\ticmp type 8 counter comment \"echo\"\n"
	"\t\ticmpv6 type != { 1, 2 } counter comment \"no errors\"\n"
	"\t\tmeta nfproto ipv4 ip dscp 46 counter comment \"voice\"\n"
	"\t\tmeta nfproto ipv4 ip dscp != { 34, 36 } counter comment \"no video\"\n"
	"\t\tmeta nfproto ipv6 ip6 dscp 46 counter comment \"voice, IPv6\"\n"
	"\t\tmeta nfproto ipv6 ip6 dscp { 34, 36 } counter comment \"video, IPv6\"\n"
	"\t\tiifname != @doors counter comment \"in devices\"\n"
	"\t\tmeta l4proto @with-ports th sport @services th dport @services counter comment \"in protocols and ports\"\n"
	"\t\tmeta nfproto ipv4 ip saddr @offices counter comment \"in set\"\n"
	"\t\tmeta nfproto ipv6 ip6 daddr != @offices6 counter comment \"not in set\"\n"
	"\t\tmeta nfproto ipv4 meta l4proto { tcp, udp } ip saddr . ip daddr . meta l4proto . th sport . th dport @flows counter comment \"flow in set\"\n"
	"\t\tct direction original counter comment \"original\"\n"
	"\t\tct direction reply counter comment \"reply\"\n"
	"\t\tct status snat,dnat counter comment \"translated\"\n"
	"\t\tct original packets 3 counter comment \"third packet\"\n"
	"\t\tct reply packets 1 log group 200 snaplen 96 queue-threshold 1 comment \"first answer\"\n"
	"\t\ttcp flags 0x0 / fin,syn,rst,psh,ack,urg,ecn,cwr counter comment \"null scan\"\n"
	"\t\ttcp flags syn,ack / syn,ack counter comment \"answer to a SYN\"\n"
	"\t\tmeta nfproto ipv4 meta l4proto { tcp, udp } add @flows { ip saddr . ip daddr . meta l4proto . th sport . th dport timeout 1500ms } comment \"add\"\n"
	"\t\tmeta nfproto ipv6 update @sites { ip6 saddr & ffff:ffff:ffff:ffff:: } comment \"refresh\"\n"
	"\t\tlimit rate over 50/second burst 20 packets counter comment \"over\"\n"
	"\t\tlimit rate over 125000 bytes/second burst 30000 bytes counter comment \"over in bytes\"\n"
	"\t\tmeta nfproto ipv4 update @rates { ip saddr timeout 60s limit rate over 300/minute burst 10 packets } counter comment \"each over\"\n"
	"\t\tmeta nfproto ipv4 update @counts { ip saddr ct count over 100 } counter comment \"each with too many\"\n"
	"\t\tmeta l4proto tcp tcp option maxseg size set 1412 comment \"clamp\"\n"
	"\t\tmeta priority set 1:5 comment \"priority\"\n"
	"\t\tmeta l4proto tcp synproxy mss 1460 wscale 7 timestamp sack-perm comment \"answer for a server\"\n"
	"\t\tupdate @carried { meta mark & 0x00fff83f } comment \"count by mark\"\n"
	"\t\tmeta mark & 0x00fff800 vmap @policies comment \"dispatch\"\n"
	"\t}\n"
	"\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority -10; policy accept;\n"
	"\t\ticmp type . code 3 . 4 counter comment \"codes\"\n"
	"\t\ticmpv6 type . code { 1 . 4, 128, 255 } counter comment \"types and codes\"\n"
	"\t\tmeta nfproto ipv6 ct original ip6 saddr & ffff:ffff:ffff:ffff:: . ct original ip6 daddr & ffff:ffff:ffff:ffff:: . iif @pairs counter comment \"sites of a connection\"\n"
	"\t\tmeta priority set meta mark >> 6 & 0x0000001f | 1:0 comment \"class\"\n"
	"\t}\n"
	"\n"
	"\tchain raw {\n"
	"\t\ttype filter hook prerouting priority -300; policy accept;\n"
	"\t\tmeta l4proto tcp notrack comment \"not tracked\"\n"
	"\t}\n"
	"\n"
	"\tchain destination {\n"
	"\t\ttype nat hook prerouting priority -100; policy accept;\n"
	"\t\tmeta nfproto ipv4 meta l4proto tcp dnat ip to 10.0.0.9:8080 comment \"forward a port\"\n"
	"\t\tmeta nfproto ipv6 meta l4proto tcp dnat ip6 to [fd00::9]:8080 comment \"forward a port, IPv6\"\n"
	"\t\tmeta nfproto ipv4 dnat ip to 10.0.0.9 comment \"forward all\"\n"
	"\t\tmeta nfproto ipv6 dnat ip6 prefix to fd00:1::/64 comment \"prefix back\"\n"
	"\t}\n"
	"\n"
	"\tchain source {\n"
	"\t\ttype nat hook postrouting priority 101; policy accept;\n"
	"\t\tmeta nfproto ipv4 snat ip to 192.0.2.1-192.0.2.6 persistent comment \"pool\"\n"
	"\t\tmeta nfproto ipv6 snat ip6 to 2001:db8::1-2001:db8::9 persistent comment \"pool, IPv6\"\n"
	"\t\tmeta nfproto ipv6 snat ip6 prefix to 2001:db8::/60 comment \"prefix\"\n"
	"\t\tmeta nfproto ipv4 snat ip prefix to 198.51.100.0/24 comment \"prefix, IPv4\"\n"
	"\t}\n"
	"}\n";

/* The caller frees it. */
static char *printed(const struct ruleset *ruleset, const struct ruleset_features *features)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	ruleset_print(out, ruleset, features);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void reads_as_nft_lists_it(void **state)
{
	const struct ruleset_features features = { .native_queue = true };
	char *text = printed(&sample_ruleset, &features);

	(void)state;
	assert_string_equal(text, expected);
	free(text);
}

static void tells_what_the_kernel_lacks_and_has(void **state)
{
	const struct ruleset_features features = { .owner = true };
	struct ruleset empty = { .table = "empty" };
	char *text = printed(&empty, &features);

	(void)state;
	assert_string_equal(text,
		"table inet empty { # queue: by the NFQUEUE target\n"
		"\tflags owner, persist\n"
		"}\n");
	free(text);
}

static void leaves_out_links_without_weight(void **state)
{
	const struct ruleset_features features = { .native_queue = true };
	unsigned int weights[] = { 0, 2, 1 };
	const char *chains[] = { "a", "b", "c" };
	struct statement spread = { .kind = SPREAD,
		.spread = { .by = SPREAD_IN_TURN, .chains = chains, .weights = weights, .count = 3 } };
	struct ruleset_rule rule = { .comment = "line\nbreak", .statements = &spread, .count = 1 };
	struct chain chain = { .name = "pick", .rules = &rule, .count = 1 };
	struct ruleset ruleset = { .table = "t", .chains = &chain, .chain_count = 1 };
	char *text = printed(&ruleset, &features);

	(void)state;
	assert_string_equal(text,
		"table inet t {\n"
		"\n"
		"\tchain pick {\n"
		"\t\tnumgen inc mod 3 vmap { 0-1 : goto b, 2 : goto c } comment \"line?break\"\n"
		"\t}\n"
		"}\n");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_nft_lists_it),
		cmocka_unit_test(tells_what_the_kernel_lacks_and_has),
		cmocka_unit_test(leaves_out_links_without_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
