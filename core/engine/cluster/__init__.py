"""The engine on a Ray cluster: the supervisor on one machine, trials as Ray tasks on all of them.

Only the supervisor knows the database. A task gets an assignment and what it is made of through
Ray's object store, and reports to the desk, an actor beside the supervisor, from which that fetches
what there is to record.
"""
