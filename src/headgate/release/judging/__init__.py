"""From what was recorded of the traffic to the evidence about a release.

Who is who on a rung (`sides`), what the champion's past says is usual (`past`), one watch a guard (`errors`, `latency`,
`shift`, `quality`, `effect`, `units`), each folding new seconds into a small state; `course` holds those of one rung,
`verdicts` weighs what they found within one budget, `steps` reads. Everything but `steps` is pure.
"""
