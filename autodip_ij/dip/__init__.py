"""The deep image prior: network, fit, engines. Knows arrays, not files, groups or Fiji."""
