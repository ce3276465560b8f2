"""The commands of ``autodip``, one module each, loaded when called."""
