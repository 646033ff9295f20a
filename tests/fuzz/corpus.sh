#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the corpus of each fuzz target as a plain test, from the build folder, sources in $srcdir.
set -eu
for target in packet config queue control watch connections frame neighbour page; do
	./tests/fuzz/corpus_$target "${srcdir:-.}/tests/fuzz/corpus/$target"
done
