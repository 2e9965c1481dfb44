"""`data/prepared/` → `models/model.pkl`: fit Flatten → Linear with mini-batches."""
