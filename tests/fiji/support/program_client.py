"""A call of the program that `program_server` keeps loaded: ``python program_client.py SOCKET ARGUMENTS...``."""

import json
import os
import socket
import sys


def main() -> int:
    """Have the call made with this process's files; return its exit code."""
    with socket.socket(socket.AF_UNIX) as call:
        call.connect(sys.argv[1])
        asked = json.dumps({"arguments": sys.argv[2:], "folder": os.getcwd()}).encode()
        socket.send_fds(call, [asked], [0, 1, 2])
        code = call.recv(1)
    return code[0] if code else 137  # it died


if __name__ == "__main__":
    sys.exit(main())
