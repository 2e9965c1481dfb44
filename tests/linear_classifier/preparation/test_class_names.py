import pytest

from linear_classifier.preparation.class_names import MAX_CLASSES, check_classes, natural_order


@pytest.mark.parametrize(
    "expected",
    [
        ["1", "2", "10", "100"],
        ["class 2", "class 10", "class 10a", "class 10b"],
        ["", "0", "00", "01", "1", "a", "a0", "a00", "a1", "a1b2", "a1b10"],
        ["01", "1", "2"],
        ["1.2", "1.10", "2"],
        ["B", "a", "²", "ä", "٢"],
        ["9" * 5000, "1" + "0" * 5000],
    ],
)
def test_natural_order_puts_2_before_10_and_leaves_no_tie(expected: list[str]) -> None:
    assert natural_order(reversed(expected)) == expected
    assert natural_order(expected) == expected


def test_check_classes_takes_good_ones() -> None:
    check_classes({"2": 1, "10": 3, "T-shirt/top": 5, "Ankle boot": 1, "猫": 2, "ä": 2})
    check_classes(dict.fromkeys(map(str, range(MAX_CLASSES)), 1))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"cat": 5}, "there is one class only, 'cat', expected two or more"),
        ({"cat": 1, "dog": 0}, "'dog' is empty"),
        ({"cat": 1, "Cat": 1, "dog": 1}, "'Cat' and 'cat' differ only in case or Unicode form"),
        ({"é": 1, "e\u0301": 1}, r"'e\\u0301' and 'é' differ only in case or Unicode form"),
        ({"straße": 1, "STRASSE": 1}, "differ only in case"),
        ({"ﬁg": 1, "fig": 1}, "differ only in case or Unicode form"),
        ({"℡": 1, "tel": 1}, "differ only in case or Unicode form"),
        ({"a" * 256: 1, "b": 1}, r"'a{57}\.\.\.' has a name of 256 characters, expected at most 255"),
        ({"a\nb": 1, "b": 1}, r"'a\\nb' has a name that is not printable"),
        ({"a\udcff": 1, "b": 1}, r"'a\\+xff' has a name that is not printable UTF-8"),
        ({"": 1, "b": 1}, "'' has no name"),
        (dict.fromkeys(map(str, range(MAX_CLASSES + 1)), 1), "there are 10001 or more, expected at most 10000"),
    ],
)
def test_check_classes_names_what_is_wrong(counts: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_classes(counts)


def test_check_classes_names_everything_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        check_classes({"cat": 1, "CAT": 1, "dog": 0, "a\tb": 1, "é": 2, "e\u0301": 2})
    message = str(caught.value)
    for part in ("'CAT' and 'cat'", "'dog' is empty", r"'a\tb' has a name that is not printable", "'é' differ"):
        assert part in message
    assert "\n" not in message
