"""A worker by RunPod's own SDK, for the test that holds our platform to it: echoes, fails or hangs as it is asked."""

import asyncio
import os
import time

import runpod


async def handler(job):
    asked = job["input"]
    if asked.get("fail"):
        raise ValueError("as it was asked")
    if asked.get("hang"):
        await asyncio.sleep(600)
    if asked.get("seconds"):
        time.sleep(asked["seconds"])
    return {"echo": asked}


if os.environ.get("TEST_UNFIT"):

    @runpod.serverless.register_fitness_check
    def wheel():
        raise RuntimeError("it has come off")


runpod.serverless.start({"handler": handler})
