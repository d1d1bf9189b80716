"""The arithmetic of the routing benchmark."""

from bench.routing import interval


def test_the_binomial_interval_cuts_both_tails_alike() -> None:
    # ten fair coins: P(X<=1) = 0.0107, P(X<=2) = 0.0547, P(X<=7) = 0.9453, P(X<=8) = 0.9893
    assert interval(10, 0.5, 0.90) == (2, 8)
    assert interval(10, 0.5, 0.97) == (2, 8)
    assert interval(10, 0.5, 0.98) == (1, 9)


def test_the_interval_of_many_calls_is_close_to_the_normal_one() -> None:
    low, high = interval(20_000, 0.1, 0.999)
    spread = 3.2905 * (20_000 * 0.1 * 0.9) ** 0.5
    assert abs(low - (2_000 - spread)) < 3
    assert abs(high - (2_000 + spread)) < 3
