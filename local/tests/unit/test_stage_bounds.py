"""A stage of the local cloud throttles requests and writes an access log."""

from local.cloud.patches.http_stage import Bucket, line


def test_a_burst_passes_at_once_and_then_the_rate() -> None:
    bucket = Bucket(rate=2, burst=3)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.5) for _ in range(2)] == [True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_rate_below_one_a_second_lets_one_through_in_its_time() -> None:
    bucket = Bucket(rate=0.5, burst=1)
    assert [bucket.take(second) for second in (0.0, 1.0, 2.0)] == [True, False, True]


def test_a_line_has_what_is_known_and_a_hyphen_for_the_rest() -> None:
    template = '{"status": "$context.status", "ip": "$context.identity.sourceIp"}'
    assert line(template, {"status": 201}) == '{"status": "201", "ip": "-"}'
