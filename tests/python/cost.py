"""Runs a command and prints what it cost: exit code, CPU seconds, peak MiB, and its standard output."""

import json
import resource
import subprocess
import sys

done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cost = {"code": done.returncode, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}
print(json.dumps(cost | {"stdout": done.stdout.decode(), "stderr": done.stderr.decode()}))
