"""A job from start to end, without a cluster: checked, searched, concluded."""
