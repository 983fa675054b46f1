"""Every law that needs a backbone or data: one file a subject, each law one function that tells its problems."""
