# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for conditions, never for luck."""

import os
import time

SLOW = os.environ.get("LAB_SLOW", "0") not in ("", "0")  # an emulated machine


class LabError(Exception):
    """The laboratory itself, not a figure that it measured, is wrong."""


def patience(seconds):
    """A deadline that only guards against hanging: longer on a slow machine."""
    return seconds * (10 if SLOW else 1)


def rate(per_second):
    """A load that this machine can carry."""
    return per_second / 10 if SLOW else per_second


def wait_for(condition, deadline=10.0, what="a condition", pause=0.01):
    """Asks until condition() is true, and returns its value. LabError after deadline seconds."""
    end = time.monotonic() + patience(deadline)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {patience(deadline):.1f} s in vain for {what}")
        time.sleep(pause)
