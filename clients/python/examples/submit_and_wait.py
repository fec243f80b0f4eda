"""Submits a video, tells how it gets on, and ends when the job does.

    python submit_and_wait.py INPUT OUTPUT [X,Y,WIDTH,HEIGHT]

The coordinator and the token are taken from CLEANPLATE_COORDINATOR and CLEANPLATE_TOKEN.
"""

import sys

from cleanplate_client import Client, Problem


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    request = {"input": sys.argv[1], "output": sys.argv[2]}
    if len(sys.argv) == 4:
        x, y, width, height = (int(number) for number in sys.argv[3].split(","))
        request["regions"] = [{"x": x, "y": y, "width": width, "height": height}]
    client = Client()
    try:
        # The same input and output again is the same job, whenever this program is started: one that failed is
        # tried again by client.retry(job).
        job = client.submit(request, key=f"{sys.argv[1]}\n{sys.argv[2]}")
        print(f"job {job}", file=sys.stderr)
        state = {}
        for state in client.watch(job):
            print(f"{state['phase']}: {state['frames_done']} of {state['frames_total']} frames", file=sys.stderr)
    except Problem as problem:
        print(f"{problem.name}: {problem.detail}", file=sys.stderr)
        return 1
    outcome = state["outcome"]
    print(f"{outcome['kind']} {outcome['message']}".strip())
    return 0 if outcome["kind"] in ("done", "unchanged") else 1


if __name__ == "__main__":
    sys.exit(main())
