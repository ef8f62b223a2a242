"""What cloud-init does with user data, from standard input, at every boot: it runs the commands of `bootcmd`, or late in the boot, when
called with `script`, the script that the user data is."""

import json
import subprocess
import sys

text = sys.stdin.read()
if text.startswith("#!"):
    if sys.argv[1:] == ["script"]:
        subprocess.run(["/bin/sh"], input=text.encode(), check=True)
elif not sys.argv[1:]:
    # Each is a list in JSON, as cutover writes them.
    for line in text.splitlines():
        if line.startswith("- "):
            subprocess.run(json.loads(line[2:]), check=True)
