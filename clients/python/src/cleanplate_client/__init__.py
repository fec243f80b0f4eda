"""A thin client of a cleanplate coordinator's HTTP interface, of the standard library alone."""

from ._client import Client, Glimpse
from ._errors import Problem, Unreachable

__all__ = ["Client", "Glimpse", "Problem", "Unreachable"]
