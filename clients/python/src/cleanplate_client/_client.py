"""The client. Each method is one request, but for lists, which turn pages, and watching, which comes back."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import time
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlencode, urlsplit

from ._errors import Problem, Unreachable
from ._events import Event, events_of

Json = Dict[str, Any]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Glimpse(NamedTuple):
    """A frame of a source: ``png``, which is scaled down where it is large, and the size of the video."""

    png: bytes
    width: int
    height: int


class Client:
    """Speaks to one coordinator.

    ``url`` and ``token`` default to ``CLEANPLATE_COORDINATOR`` and ``CLEANPLATE_TOKEN``; ``ca`` is the file of an
    authority that the system does not know (``CLEANPLATE_TLS_CA``). ``timeout`` is in seconds, for connecting and for
    each wait on the line.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        token: Optional[str] = None,
        *,
        ca: Optional[str] = None,
        timeout: float = 60.0,
    ) -> None:
        url = url or os.environ.get("CLEANPLATE_COORDINATOR") or "http://127.0.0.1:7700"
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no address of a coordinator: http://HOST:PORT or https://HOST:PORT")
        self._token = token or os.environ.get("CLEANPLATE_TOKEN") or None
        if self._token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("a token is not sent in the clear beyond this machine; use https://")
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._tls else 7700)
        self._timeout = timeout
        ca = ca or os.environ.get("CLEANPLATE_TLS_CA") or None
        self._context = ssl.create_default_context(cafile=ca) if self._tls else None

    def submit(
        self, request: Optional[Mapping[str, Any]] = None, *, key: Optional[str] = None, **fields: Any
    ) -> str:
        """Queues a job and returns its id. With the same ``key`` and request again it is the same job.

        ``key`` is any text: its SHA-256 is sent, since a header takes 255 letters of ASCII.
        """
        headers = {"Idempotency-Key": hashlib.sha256(key.encode()).hexdigest()} if key is not None else {}
        body = {**(request or {}), **fields}
        return str(self._json("POST", "/api/v1/jobs", body, headers)["job"])

    def get(self, job: str) -> Json:
        """A job: ``state``, and ``request``, what was asked for."""
        return self._json("GET", _path(job))

    def attempts(self, job: str) -> List[Json]:
        """A job's attempts with their trails, oldest first."""
        return list(self._json("GET", _path(job, "attempts"))["attempts"])

    def list(
        self, *, owner: Optional[str] = None, state: Optional[str] = None, page: int = 100
    ) -> Iterator[Json]:
        """The states of jobs, newest first; asks for the next ``page`` of them when it is needed."""
        query = {"limit": str(page), "owner": owner or "", "state": state or ""}
        while True:
            told = self._json("GET", "/api/v1/jobs?" + urlencode(query))
            yield from told["jobs"]
            if not told["next"]:
                return
            query["cursor"] = told["next"]

    def watch(self, job: str) -> Iterator[Json]:
        """The states of a job as they change, to its end. Comes back where the line is cut."""
        last = ""
        tries = 0
        while True:
            try:
                for event in self._events(job, last):
                    tries = 0
                    last = event.id or last
                    if event.name == "problem":
                        raise Problem(json.loads(event.data))
                    state = json.loads(event.data)
                    yield state
                    if state["outcome"] is not None:
                        return
                if last.endswith(".end"):
                    return
            except Problem as problem:
                if problem.status not in (429, 503) or tries >= _TRIES_MAX:
                    raise
            except Unreachable:
                if tries >= _TRIES_MAX:
                    raise
            tries += 1
            time.sleep(min(0.1 * 2**tries, 5.0))

    def wait(self, job: str) -> Json:
        """The last state of a job, once it has ended."""
        state: Json = {}
        for state in self.watch(job):
            pass
        return state

    def cancel(self, job: str) -> None:
        """Cancels a job."""
        self._request("POST", _path(job, "cancel"))

    def retry(self, job: str) -> None:
        """Queues a failed or cancelled job again."""
        self._request("POST", _path(job, "retry"))

    def approve(self, job: str, drop: Iterable[int] = ()) -> None:
        """Lets the plan of a job that waits for review pass, without the overlays ``drop``."""
        self._request("POST", _path(job, "approve"), {"drop": _several(drop, "drop")})

    def reject(self, job: str) -> None:
        """Ends a job that waits for review."""
        self._request("POST", _path(job, "reject"))

    def prioritise(self, job: str, priority: int) -> None:
        """Changes a job's priority; higher goes first."""
        self._request("PATCH", _path(job), {"priority": priority})

    def plan(self, job: str) -> Json:
        """What a job removes, to be given as ``plan`` to another one."""
        return self._json("GET", _path(job, "plan"))

    def preview(self, job: str) -> bytes:
        """The preview of a job that was asked for one."""
        return self._request("GET", _path(job, "preview"))

    def glimpse(self, source: str, *, owner: Optional[str] = None) -> Glimpse:
        """A frame from the middle of a source that may become an ``input``, to choose regions by."""
        path = "/api/v1/glimpse?" + urlencode({"input": source, "owner": owner or ""})
        png, headers = self._told("GET", path)
        width, _, height = headers["cleanplate-size"].partition("x")
        return Glimpse(png, int(width), int(height))

    def workers(self) -> List[Json]:
        """All workers."""
        return list(self._json("GET", "/api/v1/workers")["workers"])

    def drain(self, worker: str, within_ms: Optional[int] = None) -> None:
        """Gives a worker no more work."""
        path = f"/api/v1/workers/{quote(worker, safe='')}/drain"
        self._request("POST", path, {"within_ms": within_ms})

    def batch(
        self,
        request: Optional[Mapping[str, Any]] = None,
        *,
        include: Iterable[str] = (),
        container: str = "",
        dry_run: bool = False,
        **fields: Any,
    ) -> Iterator[Json]:
        """Submits a job for every video below ``input``: a line for each file, ``{"file": ...}``, then the totals.

        The same call again submits what is missing.
        """
        body = {
            "request": {**(request or {}), **fields},
            "include": _several(include, "include"),
            "container": container,
            "dry_run": dry_run,
        }
        for line in self._lines("POST", "/api/v1/batches", {}, body):
            told = json.loads(line)
            if "problem" in told:
                raise Problem(told["problem"])
            yield told
            if "totals" in told:
                return
        raise Unreachable("the batch was cut off; the same call goes on from there")

    def _events(self, job: str, last: str) -> Iterator[Event]:
        headers = {"Last-Event-ID": last} if last else {}
        return events_of(self._lines("GET", _path(job, "events"), headers))

    def _json(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Json:
        told = json.loads(self._request(method, path, body, headers))
        return dict(told)

    def _request(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> bytes:
        return self._told(method, path, body, headers)[0]

    def _told(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Tuple[bytes, http.client.HTTPMessage]:
        connection = self._connection()
        try:
            answer = self._begun(connection, method, path, body, headers or {})
            return answer.read(), answer.headers
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable("does not answer", error) from error
        finally:
            connection.close()

    def _lines(
        self, method: str, path: str, headers: Mapping[str, str], body: Optional[Mapping[str, Any]] = None
    ) -> Iterator[str]:
        connection = self._connection()
        try:
            answer = self._begun(connection, method, path, body, headers)
            for line in answer:
                yield line.decode("utf-8").rstrip("\r\n")
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable("was cut off", error) from error
        finally:
            connection.close()

    def _unreachable(self, said: str, error: Exception) -> Unreachable:
        """What is told of a failed call; an answer that is no HTTP has no words of its own."""
        place = f"{self._host}:{self._port}"
        if isinstance(error, _FOREIGN) and not isinstance(error, http.client.RemoteDisconnected):
            hint = "" if self._tls else "; it may speak TLS: try https://"
            return Unreachable(f"{place} is answered, but not in HTTP{hint}")
        return Unreachable(f"{place} {said}: {str(error) or type(error).__name__}")

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _begun(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]],
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        sent = dict(headers)
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode("utf-8")
            sent["Content-Type"] = "application/json"
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        if answer.status >= 300:
            raise Problem.of(answer.status, answer.read())
        return answer


_TRIES_MAX = 8

_FOREIGN = (http.client.BadStatusLine, http.client.UnknownProtocol, http.client.LineTooLong)


def _several(values: Iterable[Any], name: str) -> List[Any]:
    """A list; a text is none, though each of its letters could be taken for a value."""
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} is a list, [{values!r}]")
    return list(values)


def _path(job: str, what: str = "") -> str:
    path = f"/api/v1/jobs/{quote(job, safe='')}"
    return f"{path}/{what}" if what else path
