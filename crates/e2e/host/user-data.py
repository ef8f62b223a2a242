"""What cloud-init does with user data at every boot: it runs the commands of `bootcmd`, from standard input."""

import json
import subprocess
import sys

# Each is a list in JSON, as cutover writes them.
for line in sys.stdin:
    if line.startswith("- "):
        subprocess.run(json.loads(line[2:]), check=True)
