"""The append-only record of what was decided. It knows no stage: an event is a kind and a JSON body."""
