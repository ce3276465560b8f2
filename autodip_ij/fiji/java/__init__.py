"""The door for Fiji in plain Java mode: what the worker answers to the Groovy library ``AutoDIP.groovy``."""
