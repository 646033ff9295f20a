#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs laboratory tests under stock Debian kernels in QEMU: run.sh [KERNEL_PACKAGE...]
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export UPLINKD_BUILD=${UPLINKD_BUILD:-$top} LAB_SLOW=1 LAB_QUEUE=native
tests=${VM_TESTS:-test_kernel.py test_shares.py::test_a_thousand_connections[ipv4-tcp]
	test_shares.py::test_a_thousand_connections[ipv6-udp]
	test_failover.py::test_silent_black_hole[interval-200ms]
	test_fallback.py::test_killed_and_started_again test_repair.py::test_restored
	test_qos.py::test_greedy_classes[up] test_qos.py::test_restored_and_removed}
tests=${tests//[$'\n\t']/ }
limit=${VM_TIMEOUT:-1800}
passed=0 failed=0

# Modules are loaded as systemd-modules-load would, and those of lines that only tests have.
inside="sed 's/#.*//' '$top/contrib/modules/uplinkd.conf' | xargs -r modprobe -qa
modprobe -qa ppp_generic ppp_async pppoe wireguard sch_netem; uname -r
cd '$top/tests/lab' && exec /usr/bin/python3 -B -m pytest -p no:cacheprovider -q --tb=short --reruns 1 -r fER $tests"

[ $# -gt 0 ] || set -- linux-image-amd64 linux-image-6.12-amd64
for kernel; do
	# Whether there is a machine at all: what it says is the reason where there is none.
	if ! reason=$("$here/vm-run.sh" -k "$kernel" -t 120 true 2>&1 >/dev/null); then
		echo "SKIP $kernel: $(tail -n 1 <<<"${reason:-no machine}")"
		continue
	fi
	echo "=== $kernel"
	# One processor: see README.md.
	if "$here/vm-run.sh" -k "$kernel" -c 1 -m 2048 -t "$limit" "$inside"; then
		passed=$((passed + 1))
	else
		echo "FAILED under $kernel: exit code $?"
		failed=$((failed + 1))
	fi
done
[ $failed -eq 0 ] || exit 1
[ $passed -gt 0 ] || exit 77
