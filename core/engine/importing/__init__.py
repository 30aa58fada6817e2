"""From files to a corpus in the workspace, and out again; word vectors and token arrays."""
