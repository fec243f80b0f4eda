"""What goes wrong: a problem that the coordinator tells, or no answer at all."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional

_PREFIX = "urn:cleanplate:problem:"


class Problem(Exception):
    """The coordinator refuses (RFC 9457). ``name`` is stable, ``detail`` is for people."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.type: str = str(problem.get("type", ""))
        self.title: str = str(problem.get("title", ""))
        self.status: int = int(problem.get("status", 0))
        self.detail: str = str(problem.get("detail", ""))
        self.leader: Optional[str] = problem.get("leader")
        super().__init__(f"{self.title}: {self.detail}")

    @property
    def name(self) -> str:
        """The name of the kind of problem, such as ``not-found``."""
        return self.type[len(_PREFIX):] if self.type.startswith(_PREFIX) else self.type

    @classmethod
    def of(cls, status: int, body: bytes) -> Problem:
        """What an answer of this status tells, be it from the coordinator or from what is before it."""
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if isinstance(told, dict) and "type" in told:
            return cls(told)
        text = body.decode("utf-8", "replace").strip()
        return cls({"type": "about:blank", "title": f"HTTP {status}", "status": status, "detail": text})


class Unreachable(Exception):
    """Nobody answers, or an answer was cut off."""
