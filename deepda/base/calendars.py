"""Calendars by the names of CF Conventions 1.11, section 4.4.1."""

from __future__ import annotations

REAL = ("standard", "gregorian", "proleptic_gregorian", "julian")  # of days that happened
MODEL = ("noleap", "365_day", "all_leap", "366_day", "360_day")
