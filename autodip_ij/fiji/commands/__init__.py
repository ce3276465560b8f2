"""The menu commands: their parameters, what they say, how they end."""
