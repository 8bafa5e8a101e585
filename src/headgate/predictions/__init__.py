"""What was answered and what became true: the prediction log, outcomes, and the join of the two."""
