"""The engine of htrans-tui: documents in, a trained hierarchy of classifiers out."""
