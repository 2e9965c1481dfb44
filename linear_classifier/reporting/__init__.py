"""What the stages left → one page for people, with the model in it, and a model card."""
