"""What tests share: small worlds, made data and models, fakes, and readings of the repository."""
