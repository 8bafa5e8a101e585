"""Evidence about a challenger, as log e-values: pure, verdict-neutral, valid at every moment that one looks.

A log e-value of at least log(1 / alpha) refutes what it was made against, with an error of at most alpha at any time.

For whoever judges a release, in the order of use. `Rows` are final rows of predictions/rollup.py, one a second and arm.

    by_bucket(rows, since, until, slow=)                counts      champion's units and events before the start
    learn(units, events).noise(share) -> Noise          dispersion  phi and spread; the same for the whole release
    cut(histogram, 0.95) -> Cut                         latency     where slow begins, from the same history
    compare(challenger, champion, errors) -> Seconds    counts      columns of the new seconds
    compared(challenger, champion, cut, ratio)          latency     the same for slow answers
    above_cuts(second, challenger, champion)            predictions the same for bins of predictions, per cut

    harm(least=1).fold(Running, Seconds, Noise)         harm        -> Running, log E of each new second; restarts
    sound(margin=2).fold(...)                           sound       for latencies sound(1.0, QUANTILE)
    above(limit).fold(...), below(limit).fold(...)      absolute    one arm against a number
    Shifted(margin).fold(...)                           predictions distribution of predictions
    Bets(margin, side).fold(Running, differences)       pairs       shadow pairs: wrong, missed, farther, misranked
    Precision(margin, side).fold(Running, a, b, label)  precision   shadow pairs: precision
    seen(...) -> Means; log_e(Means, margin)            mean        winsorised means
    log_e(units, plan)                                  mismatch    sample ratio mismatch, units first seen by arm
    log_e(Seconds, phi)                                 shock       a second opinion, for the explanation alone

    harm({guard: log E of now}, weights)                joint       one budget; both, either for composed guards

    fold_odds, odds_ratio, rate, quantile               interval    confidence sequences for showing
    Question, needed, seconds                           power       how many requests a guard needs

`Running` is what a controller keeps between passes (to_json, from_json); folding in any passes gives the same.
"""
