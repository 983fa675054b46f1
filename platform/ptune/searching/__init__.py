"""Which configurations are tried, and how long each is trained. Knows Optuna; knows neither torch nor ray."""
