"""The engine: everything that joins core and the database. All front ends call it."""
