"""The last word of a program here: its answer as JSON."""

import json
import os
import sys


def answer(value):
    """Ends at once: native threads of a reader now and then abort the interpreter while it shuts down."""
    print(json.dumps(value))
    sys.stdout.flush()
    os._exit(0)
