"""Whoever posts jobs, by RunPod's own SDK: posts one, waits for its output, and prints it."""

import json
import sys

import runpod

url, key, endpoint, job = sys.argv[1:5]
runpod.endpoint_url_base = url
posted = runpod.Endpoint(endpoint, api_key=key).run({"input": json.loads(job)})
print(json.dumps(posted.output(timeout=120)))
