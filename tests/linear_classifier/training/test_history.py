from linear_classifier.training.history import Epoch, describe, format_history, summarise

EPOCHS = [Epoch(1, 0.1, 2 / 3, 0.5, 0.75), Epoch(2, 0.05, 0.25, 0.4, 0.8)]


def test_format_history_is_a_header_and_a_row_an_epoch_of_6_digits() -> None:
    assert format_history(EPOCHS).decode().splitlines() == [
        "epoch,lr,train_loss,val_loss,val_accuracy",
        "1,0.1,0.666667,0.5,0.75",
        "2,0.05,0.25,0.4,0.8",
    ]
    assert format_history([]).count(b"\n") == 1


def test_summarise_and_describe_tell_the_epoch_that_was_kept() -> None:
    assert summarise(EPOCHS[0], 2) == {"best_epoch": 1, "epochs": 2, "val_accuracy": 0.75, "val_loss": 0.5}
    assert describe(EPOCHS[0]) == "train loss 0.6667, val loss 0.5000, val accuracy 0.7500"
