"""Posts jobs to a serverless endpoint of RunPod by the work that a coordinator has.

    python runpod_feed.py ENDPOINT [--most 5] [--frames 20000] [--idle 120] [--every 15]

Each job of the endpoint is one container that works for the coordinator until it has had nothing to do for --idle
seconds. There are to be as many as there are --frames frames left to do, at least one where there is a job, at most
--most. It looks every --every seconds; 0 looks once. The coordinator and the token are taken from CLEANPLATE_COORDINATOR
and CLEANPLATE_TOKEN, RunPod's key from RUNPOD_API_KEY.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any, Optional

from cleanplate_client import Client, Problem, Unreachable

RUNPOD = os.environ.get("RUNPOD_ENDPOINT_BASE_URL", "https://api.runpod.ai/v2")

# A job that waits for a person, or that the coordinator finishes by itself, wants no workers.
NO_WORKERS = ("review", "stitch", "copy", "ended")


def wanted(client: Client, frames_each: int, most: int) -> int:
    """How many containers the work that is left is worth."""
    frames = 0
    for state in ("queued", "running"):
        for job in client.list(state=state):
            if job["phase"] in NO_WORKERS:
                continue
            # A job that nobody has looked at is one container's.
            total = job["frames_total"] or frames_each
            frames += max(total - job["frames_done"], 1)
    return min(-(-frames // frames_each), most)


def runpod(path: str, body: Optional[Any] = None) -> Any:
    """Asks RunPod, or posts."""
    request = urllib.request.Request(
        f"{RUNPOD}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {os.environ['RUNPOD_API_KEY']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def look(client: Client, asked: argparse.Namespace) -> None:
    """Posts what is missing."""
    want = wanted(client, asked.frames, asked.most)
    jobs = runpod(f"{asked.endpoint}/health")["jobs"]
    have = jobs["inQueue"] + jobs["inProgress"]
    print(f"{want} wanted, {have} there", file=sys.stderr)
    for _ in range(want - have):
        print(runpod(f"{asked.endpoint}/run", {"input": {"idle_exit_seconds": asked.idle}})["id"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint")
    parser.add_argument("--most", type=int, default=5)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--idle", type=int, default=120)
    parser.add_argument("--every", type=int, default=15)
    asked = parser.parse_args()
    if not os.environ.get("RUNPOD_API_KEY"):
        parser.error("RUNPOD_API_KEY is not set")
    client = Client()
    while True:
        try:
            look(client, asked)
        except (Problem, Unreachable, urllib.error.URLError, TimeoutError) as error:
            print(f"not this time: {error}", file=sys.stderr)
            if not asked.every:
                return 1
        if not asked.every:
            return 0
        time.sleep(asked.every)


if __name__ == "__main__":
    sys.exit(main())
