"""What third parties test their adapters with: contract suites, fakes, and a clock that stands still."""
