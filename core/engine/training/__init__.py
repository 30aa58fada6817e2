"""What a claimed trial is made of, how it is trained, and what is recorded of it."""
