"""From rows to a registered version: validate, assemble, fit, evaluate, package, register."""
