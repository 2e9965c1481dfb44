"""`models/model.pkl` and the test split → metrics, predictions and pictures."""
