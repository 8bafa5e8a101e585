"""Copies of requests for versions whose answers nobody sees: in processes of low priority, off the answer's path."""
