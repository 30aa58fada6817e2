"""The networks and models that the systems are made of."""
