"""Trials on Ray: engines as actors, turns as Tune trials, jobs on a cluster. The only folder that imports ray."""
