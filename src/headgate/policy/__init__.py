"""headgate.yaml as typed, frozen objects: everything that decides something."""
