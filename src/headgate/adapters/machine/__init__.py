"""The machine that the gate measures on: fresh processes, their latency and memory, and what the machine is."""
