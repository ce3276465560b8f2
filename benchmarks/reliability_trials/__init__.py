"""The trials of `reliability.py`: one a module, each with ``trial(...) -> record`` and ``line(record) -> str``."""
