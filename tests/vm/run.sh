#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs laboratory tests under stock Debian kernels in QEMU: run.sh [KERNEL_PACKAGE...]
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export UPLINKD_BUILD=${UPLINKD_BUILD:-$top} LAB_SLOW=1 LAB_QUEUE=native
# What is asked of both kernels, and what of one of them, because it takes long and they do it alike.
tests="test_kernel.py
	test_failover.py::test_silent_black_hole[interval-200ms]
	test_fallback.py::test_killed_and_started_again test_repair.py::test_restored
	test_qos.py::test_greedy_classes[up] test_qos.py::test_restored_and_removed"
tests_61="test_shares.py::test_a_thousand_connections[ipv4-tcp]
	test_failover.py::test_running_tcp_connections[ipv6]
	test_netem.py test_wireguard.py"
tests_612="test_shares.py::test_a_thousand_connections[ipv6-udp] test_ppp.py test_layers.py::test_layer[vlan]"
limit=${VM_TIMEOUT:-900}
passed=0 failed=0
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT

# Modules are loaded as systemd-modules-load would, and those of lines that only tests have.
script="uname -r; sed 's/#.*//' '$top/contrib/modules/uplinkd.conf' | xargs -r modprobe -qa
modprobe -qa ppp_generic ppp_async pppoe wireguard sch_netem 8021q ip_gre
cd '$top/tests/lab' && exec /usr/bin/python3 -B -m pytest -p no:cacheprovider -q --tb=short --reruns 1 -r fER"

# run_tests KERNEL TESTS: 77 where the machine did not come so far as to tell its kernel; one processor: see README.md.
run_tests() {
	"$here/vm-run.sh" -k "$1" -c 1 -m 2048 -t "$limit" "$script ${2//[$'\n\t']/ }" 2>"$said/errors" | tee "$said/output"
	local code=${PIPESTATUS[0]}
	[ "$code" -ne 125 ] || [ -s "$said/output" ] || return 77
	cat "$said/errors" >&2
	return "$code"
}

[ $# -gt 0 ] || set -- linux-image-amd64 linux-image-6.12-amd64
for kernel; do
	case $kernel in
	*6.12*) chosen=${VM_TESTS:-$tests $tests_612} ;;
	*) chosen=${VM_TESTS:-$tests $tests_61} ;;
	esac
	echo "=== $kernel"
	code=0
	run_tests "$kernel" "$chosen" || code=$?
	case $code in
	0) passed=$((passed + 1)) ;;
	77) echo "SKIP $kernel: $(tail -n 1 "$said/errors")" ;;
	*) echo "FAILED under $kernel: exit code $code"
	   failed=$((failed + 1)) ;;
	esac
done
[ $failed -eq 0 ] || exit 1
[ $passed -gt 0 ] || exit 77
