"""The menu commands: declarations, input checks, dialogs, messages and error reports."""
