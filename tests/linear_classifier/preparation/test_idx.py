import struct

import numpy as np
import pytest

from linear_classifier.preparation.idx import check_labels, header_size, parse_idx


def idx_of(shape: tuple[int, ...], magic: bytes | None = None, values: bytes | None = None) -> bytes:
    body = bytes(i % 256 for i in range(int(np.prod(shape)))) if values is None else values
    return (magic or bytes([0, 0, 8, len(shape)])) + struct.pack(f">{len(shape)}I", *shape) + body


def test_parse_idx_gives_the_values_in_order() -> None:
    content = idx_of((2, 3, 4))
    assert header_size((2, 3, 4)) == 16
    np.testing.assert_array_equal(parse_idx(content, (2, 3, 4)).ravel(), np.arange(24))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>", r"not an IDX file: it begins with b'<!DOCTYPE html><"),
        (b"", r"not an IDX file"),
        (b"\0\0", r"not an IDX file"),
        (idx_of((2, 3, 4), magic=b"\0\0\x08\x01"), r"magic 00000801, expected 00000803 \(uint8, 3 dimensions\)"),
        (idx_of((2, 3, 4), magic=b"\0\0\x0d\x03"), r"magic 00000d03, expected 00000803"),
        (idx_of((2, 3, 4))[:10], r"truncated: 10 bytes, expected 40"),
        (idx_of((2, 3, 4))[:-1], r"truncated: 39 bytes, expected 40"),
        (idx_of((2, 3, 4)) + b"x", r"too long: 41 bytes, expected 40"),
        (idx_of((2, 4, 3)), r"dimensions are 2 x 4 x 3, expected 2 x 3 x 4"),
        (idx_of((2, 3, 2**32 - 1), values=b""), r"dimensions are 2 x 3 x 4294967295, expected 2 x 3 x 4"),
    ],
)
def test_parse_idx_refuses_what_is_not_of_that_shape(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(content, (2, 3, 4))


def test_check_labels_names_the_first_one_outside() -> None:
    check_labels(np.array([0, 9], np.uint8), 10)
    with pytest.raises(ValueError, match="label 10 at index 1, expected 0 to 9"):
        check_labels(np.array([0, 10, 255], np.uint8), 10)
