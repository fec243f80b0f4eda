"""Server-sent events, read line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator


@dataclass(frozen=True)
class Event:
    """One event."""

    id: str
    name: str
    data: str


def events_of(lines: Iterable[str]) -> Iterator[Event]:
    """The events in these lines; comments and what is cut off at the end are none."""
    fields = {"id": "", "event": "", "data": ""}
    for line in lines:
        if not line:
            if fields["data"]:
                yield Event(fields["id"], fields["event"] or "message", fields["data"])
            fields = {"id": "", "event": "", "data": ""}
            continue
        name, _, value = line.partition(":")
        if name in fields:
            value = value[1:] if value.startswith(" ") else value
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and fields[name] else value
