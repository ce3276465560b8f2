"""Threads that wait leave the processor to those that work, unless the user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "used"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_wants_them_to_spin(given: str | None, used: str) -> None:
    surroundings = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    program = "import sys, autodip_ij, os; print('torch' in sys.modules, os.environ['OMP_WAIT_POLICY'])"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=surroundings | ({"OMP_WAIT_POLICY": given} if given else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["False", used]
