"""What a user may ask for, checked completely before anything starts."""
