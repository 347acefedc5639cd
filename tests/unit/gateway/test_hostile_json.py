"""Texts that are no JSON, or JSON that means harm: each is refused with its reason."""

from __future__ import annotations

import pytest

from gateway.problems import ProblemError
from gateway.transcoding import parse_object


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}', b'{"a":1, "a" :1}', b'{"a":{"b":1,"c":[{"d":1,"d":1}]}}', b'{"\\u0061":1,"a":2}',
        b'{"a":"b:c","a":":"}', b'{"":1,"":2}', b'{"x":"\\":\\":","a":1,"b":2,"a":3}',
    ],
)  # fmt: skip
def test_a_name_that_is_given_twice_is_named(text: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_object(text)
    assert (refused.value.status, refused.value.reason) == (400, "MALFORMED_JSON")
    assert "twice" in refused.value.detail


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":":","b":{"a":"c:d"}}', {"a": ":", "b": {"a": "c:d"}}),
        (b'{"a":"\\":","b" : ["\\":"]}', {"a": '":', "b": ['":']}),
        (b'{"a":[{"b":1},{"b":2}]}', {"a": [{"b": 1}, {"b": 2}]}),
        (b'{"a":"x\\ud83d"}', {"a": "x"}),
        (b'{"\\udc00a":"\\ud83d\\ude00\\udc00\\ud800", "b":["\\\\ud800"]}', {"a": "😀", "b": ["\\ud800"]}),
        (b"", {}),
    ],
)
def test_colons_in_texts_are_no_names(text: bytes, value: object) -> None:
    assert parse_object(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":-1e999}',
        b'{"a":%s}' % (b"9" * 400),
        b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\x80"}',
        b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32-le"), b'{"a":"\x00"}', b'{"a":01}',
        b'{"a":1,}', b"{'a':1}", b'{"a":1}{}', b"null", b"[]", b'"a"', b"1", b" ", b"\x00", b'{"a":' * 2_000,
        b'{"a":' * 1_500 + b"1" + b"}" * 1_500, b'{"a":%s%s}' % (b"[" * 100_000, b"]" * 100_000),
        b'{"a":1,"b":%s%s,"a":2}' % (b"[" * 1_000, b"]" * 1_000),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        parse_object(text)
    assert (refused.value.status, refused.value.reason) == (400, "MALFORMED_JSON")
