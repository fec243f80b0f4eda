"""What the Python client does against a real coordinator; its folder and a clip of 320x180 are the arguments."""

import os
import socket
import sys
import threading

from cleanplate_client import Client, Problem, Unreachable


def refused(name, call):
    try:
        call()
    except Problem as problem:
        assert problem.name == name, (name, problem.name, problem.detail)
        assert problem.detail, problem
        return problem
    raise AssertionError(f"{name} was expected")


def alerted(server):
    line, _ = server.accept()
    with line:
        line.recv(65536)
        line.sendall(b"\x15\x03\x03\x00\x02\x02\x16")


def main():
    folder, clip = sys.argv[1:]
    client = Client()
    place = lambda name: os.path.join(folder, name)
    idle = {"input": place("absent.mp4"), "detect": [], "encoder": "libx264", "priority": -9}
    job = client.submit(idle, output=place("one.mp4"), key="one")
    assert client.submit(idle, output=place("one.mp4"), key="one") == job
    problem = refused("idempotency-key-reused", lambda: client.submit(idle, output=place("x.mp4"), key="one"))
    assert problem.status == 422
    refused("invalid-request", lambda: client.submit(idle, output=place("y.mp4"), colour="red"))
    refused("not-found", lambda: client.get("job-absent"))
    last = client.wait(job)
    assert last["outcome"]["kind"] == "failed", last
    assert client.attempts(job)
    refused("not-now", lambda: client.cancel(job))
    client.retry(job)
    client.wait(job)
    many = [client.submit(idle, output=place(f"{at}.mkv")) for at in range(5)]
    listed = [state["job"] for state in client.list(page=2)]
    assert listed[:5] == many[::-1] and len(listed) == len(set(listed)), (listed, many)
    shown = client.glimpse(clip)
    assert shown.png.startswith(b"\x89PNG") and shown[1:] == (320, 180), shown[1:]
    refused("invalid-request", lambda: client.glimpse(place("absent.mp4")))
    assert client.workers()[0]["worker"] == "worker-0"
    os.makedirs(place("in/deep"))
    os.makedirs(place("clean"))
    open(place("in/deep/a.mp4"), "wb").close()
    told = list(client.batch({"detect": [], "encoder": "libx264"}, input=place("in/"), output=place("clean/")))
    assert told[0]["file"]["outcome"] == "submitted" and told[1]["totals"]["submitted"] == 1, told
    try:
        list(client.batch(input=place("in/"), output=place("clean/"), include="*.mp4"))
        raise AssertionError("a text is no list of patterns")
    except TypeError:
        pass
    for job in many + [told[0]["file"]["job"]]:
        client.wait(job)
    again = list(client.batch({"detect": [], "encoder": "libx264"}, input=place("in/"), output=place("clean/")))
    assert (again[0]["file"]["outcome"], again[0]["file"]["why"]) == ("known", "failed"), again
    client.drain("worker-0", within_ms=1000)
    refused("not-found", lambda: client.drain("nobody"))
    try:
        Client("http://127.0.0.1:1").get("x")
        raise AssertionError("nobody is there")
    except Unreachable:
        pass
    # TLS is spoken here: the answer to whoever asks in the clear is an alert.
    with socket.create_server(("127.0.0.1", 0)) as server:
        alert = threading.Thread(target=lambda: alerted(server))
        alert.start()
        try:
            Client(f"http://127.0.0.1:{server.getsockname()[1]}").get("x")
            raise AssertionError("it is not understood")
        except Unreachable as error:
            assert "it may speak TLS: try https://" in str(error), error
        alert.join()
    try:
        Client("http://head:7700", token="t")
        raise AssertionError("a token in the clear")
    except ValueError:
        pass


main()
